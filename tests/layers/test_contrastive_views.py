"""The contrastive loss by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import ContrastiveViews
from mtl_lowres.layers.contrastive_views import contrastive_loss

# Directions of 0, 90 and 60 degrees: distances 2 sin(angle / 2), squared 2 - 2 cos(angle).
FEATURES = np.float32([[3, 0], [0, 0.5], [1, np.sqrt(3)]])


def _loss(samples, classes, margin=1.0):
    return contrastive_loss(FEATURES, tf.constant(samples), tf.constant(classes), margin).numpy()


def test_views_of_one_sample_are_pulled_together():
    """The first two are a quarter turn apart: 2; the third is of the same class and ignored."""
    assert _loss([5, 5, 6], [1, 1, 1]) == pytest.approx(2.0, rel=1e-6)


def test_samples_of_different_classes_are_pushed_to_the_margin():
    """Distances of the third: 1 to the first, 0.5176 to the second, which is of its own sample."""
    near = 2 - 2 * np.cos(np.pi / 6)
    far = np.mean([0.0, (1.5 - 1.0) ** 2])
    assert _loss([0, 1, 1], [0, 1, 1], margin=1.5) == pytest.approx(
        near + np.mean([max(0, 1.5 - np.sqrt(2)) ** 2, far * 2]), rel=1e-5
    )


def test_unknown_classes_are_not_pushed():
    assert _loss([0, 1, 2], [-1, 1, -1], margin=2.0) == 0.0


def test_equal_features_have_a_finite_gradient():
    features = tf.Variable(np.ones((4, 3), np.float32))
    with tf.GradientTape() as tape:
        loss = contrastive_loss(features, tf.constant([0, 0, 1, 1]), tf.constant([0, 0, 1, 1]), 1.0)
    assert loss.numpy() == pytest.approx(1.0, abs=0.01)
    assert np.isfinite(tape.gradient(loss, features)).all()


def test_one_sample_and_none():
    for count in (0, 1):
        numbers = tf.range(count)
        assert contrastive_loss(tf.ones((count, 2)), numbers, numbers, 1.0).numpy() == 0


def test_layer_passes_features_on_and_adds_the_loss_in_training_alone():
    layer = ContrastiveViews(weight=0.25, margin=1.0)
    inputs = [FEATURES, tf.constant([5, 5, 6]), tf.constant([1, 1, 1])]
    np.testing.assert_array_equal(layer(inputs, training=False), FEATURES)
    assert layer.losses == []
    np.testing.assert_array_equal(layer(inputs, training=True), FEATURES)
    assert [float(loss) for loss in layer.losses] == pytest.approx([0.5], rel=1e-6)


def test_config_round_trip():
    copy = ContrastiveViews.from_config(ContrastiveViews(0.1, 0.7).get_config())
    assert (copy.weight, copy.margin) == (0.1, 0.7)


@pytest.mark.parametrize("options", [{"weight": -1}, {"margin": -0.5}, {"margin": 2.5}])
def test_unusable_numbers_are_named(options):
    (name, value), *_ = options.items()
    with pytest.raises(InputError, match=f"{name}={value}"):
        ContrastiveViews(**options)
