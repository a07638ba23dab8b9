import numpy as np
import tensorflow as tf

from mtl_lowres.layers import ChannelSlice


def test_takes_successive_channels():
    inputs = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    np.testing.assert_array_equal(ChannelSlice(1, 4)(inputs), inputs[..., 1:4])


def test_static_shape_and_config():
    layer = ChannelSlice(3, 5)
    assert layer(tf.keras.Input((7, 4, 5))).shape == (None, 7, 4, 2)
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert (copy.start, copy.stop) == (3, 5)
