"""Means of channels, then their deviations."""

import numpy as np
import tensorflow as tf

from mtl_lowres.layers import MapMoments


def test_equal_to_numpy():
    maps = np.random.default_rng(0).normal(3, 2, (2, 3, 5, 4)).astype(np.float32)
    expected = np.hstack([maps.mean(axis=(1, 2)), maps.std(axis=(1, 2))])
    np.testing.assert_allclose(MapMoments()(maps), expected, rtol=1e-5)


def test_a_constant_map_has_no_deviation_and_a_finite_gradient():
    maps = tf.Variable(tf.ones((1, 2, 2, 1)))
    with tf.GradientTape() as tape:
        moments = MapMoments()(maps)
        total = tf.reduce_sum(moments)
    np.testing.assert_allclose(moments, [[1.0, 0.0]], atol=1e-5)
    assert np.isfinite(tape.gradient(total, maps)).all()


def test_config_round_trip():
    layer = MapMoments(name="moments", dtype="float32")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert isinstance(copy, MapMoments) and copy.get_config() == layer.get_config()
