"""What differs from the heads that answer probabilities."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import LinearSVM

SCORES = np.array([[1.5, -2.0, 0.5], [-3.0, -1.0, -2.0]], np.float32)


def test_the_output_is_a_plane_a_class():
    inputs = tf.keras.Input([2])
    model = tf.keras.Model(inputs, LinearSVM(3).build(inputs, "scene"))
    kernel = np.array([[1.0, -1.0, 0.5], [0.0, -2.0, 1.0]], np.float32)
    model.get_layer("scene").set_weights([kernel, np.array([0.1, 0.2, 0.3], np.float32)])
    np.testing.assert_allclose(model(np.array([[2.0, 1.0]])), [[2.1, -3.8, 2.3]], rtol=1e-6)


def test_the_loss_is_the_squared_hinge_against_the_rest():
    """Of class 0: 1 - 1.5 < 0, 1 - 2 < 0 and 1.5 squared; of class 1: 0, 2 squared and 0."""
    assert float(LinearSVM(3).loss()([0, 1], SCORES)) == pytest.approx((2.25 + 4) / 3 / 2)


def test_answers_have_the_score_and_are_of_the_highest():
    first, second = LinearSVM(3).decode(SCORES, ["a", "b", "c"])
    assert (first["label"], first["score"]) == ("a", 1.5)
    assert (second["label"], second["score"]) == ("b", -1.0)
    exponentials = np.exp(SCORES[0])
    assert first["confidence"] == pytest.approx(exponentials[0] / exponentials.sum())
    served = LinearSVM(3).serve(tf.constant(SCORES))
    assert served.keys() == {"scores", "class"}
    np.testing.assert_array_equal(served["scores"], SCORES)
    np.testing.assert_array_equal(served["class"], [0, 1])


def test_scores_of_given_probabilities():
    """As a calibration gives them, of which one may be 0."""
    head, wanted = LinearSVM(3), tf.constant([[0.75, 0.25, 0.0]])
    scores = head.with_probabilities(tf.constant(SCORES[:1]), wanted)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(head.probabilities(scores), wanted, atol=1e-6)
    assert isinstance(head.probabilities(SCORES), np.ndarray)
