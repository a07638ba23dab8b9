import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SlopedReLU


@pytest.mark.parametrize("slope", [0.25, 1, 4.0])
def test_gain_on_the_positive_side_only(slope):
    x = np.array([[-3.0, -0.5, 0.0, 0.5, 3.0]], np.float32)
    expected = [[0, 0, 0, 0.5 * slope, 3 * slope]]
    np.testing.assert_allclose(SlopedReLU(slope)(x), expected)


def test_keeps_half_precision():
    assert SlopedReLU(2, dtype="mixed_float16")(tf.ones([1, 2])).dtype == tf.float16


def test_config_round_trip():
    layer = SlopedReLU(0.5, name="relu")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert (copy.slope, copy.name) == (0.5, "relu")


@pytest.mark.parametrize("slope", [0, -1, float("nan"), float("inf")])
def test_refuses_a_slope_that_is_not_positive(slope):
    with pytest.raises(InputError, match="slope=.*positive"):
        SlopedReLU(slope)
