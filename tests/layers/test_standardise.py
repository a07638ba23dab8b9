"""Mean and deviation are those of each column, measured and not trained."""

import numpy as np
import tensorflow as tf

from mtl_lowres.layers import Standardise


def test_identity_until_adapted_then_mean_0_and_deviation_1():
    """Columns 1, 5 and 4, 4: mean 3 and deviation 2; the constant one is only moved."""
    layer = Standardise()
    x = tf.constant([[0.0, 1.0], [-1.0, 2.0]])
    np.testing.assert_array_equal(layer(x), x)
    layer.adapt(np.array([[1.0, 4.0], [5.0, 4.0]], np.float32))
    np.testing.assert_allclose(layer(x), [[-1.5, -3.0], [-2.0, -2.0]])
    assert not layer.trainable_weights


def test_config_round_trip():
    layer = Standardise(name="standard", dtype="float32")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert isinstance(copy, Standardise) and copy.get_config() == layer.get_config()
