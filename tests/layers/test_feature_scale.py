"""The scale is one for all features, and is measured, not trained."""

import numpy as np
import tensorflow as tf

from mtl_lowres.layers import FeatureScale


def test_identity_until_adapted_then_the_mean_and_deviation_of_the_vectors():
    """Means 3 and 5; deviations from them -2, 2, -4 and 4, whose root mean square is sqrt(10)."""
    layer = FeatureScale()
    x = tf.constant([[0.0, 1.0], [-1.0, 2.0]])
    np.testing.assert_array_equal(layer(x), x)
    layer.adapt(np.array([[1.0, 1.0], [5.0, 9.0]], np.float32))
    np.testing.assert_allclose(layer(x), x * np.sqrt(10) + [3.0, 5.0], rtol=1e-6)
    assert not layer.trainable_weights


def test_vectors_that_are_all_alike_leave_a_deviation_above_zero():
    layer = FeatureScale()
    layer.build((None, 3))
    layer.adapt(np.full((4, 3), 0.1, np.float32))
    np.testing.assert_allclose(layer.mean, 0.1, rtol=1e-6)
    assert 0 < float(layer.deviation) < 1e-6


def test_config_round_trip():
    layer = FeatureScale(name="face", dtype="float32")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert isinstance(copy, FeatureScale) and copy.get_config() == layer.get_config()
