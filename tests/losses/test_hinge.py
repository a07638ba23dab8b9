import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.losses import SquaredHinge

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32)


def test_by_hand():
    """Label 0 of (.7, .2, .1): (0.3**2 + 1.2**2 + 1.1**2) / 3; label 2 of (.1, .6, .3) alike."""
    first = (0.09 + 1.44 + 1.21) / 3
    second = (1.1**2 + 1.6**2 + 0.7**2) / 3
    assert float(SquaredHinge()([0, 2], PROBABILITIES)) == pytest.approx((first + second) / 2)


def test_agrees_with_keras():
    one_hot = np.eye(3, dtype=np.float32)[[0, 2]]
    expected = np.mean(tf.keras.losses.squared_hinge(one_hot, PROBABILITIES))
    assert float(SquaredHinge()(one_hot, PROBABILITIES)) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 4, 5])
def test_a_perfect_answer_costs_its_floor(classes):
    labels = np.arange(classes)
    result = float(SquaredHinge()(labels, np.eye(classes, dtype=np.float32)))
    assert result == pytest.approx((classes - 1) / classes)


def test_a_mixed_label_lies_between_its_ends():
    """Half of each of two classes has the signs 0, 0, -1."""
    mixed = np.array([[0.5, 0.5, 0.0]], np.float32)
    expected = (1 + 1 + 1.1**2) / 3
    assert float(SquaredHinge()(mixed, PROBABILITIES[:1])) == pytest.approx(expected)
