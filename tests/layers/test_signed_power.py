"""The sign stays, the size becomes its power."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SignedPower


def test_values():
    x = tf.constant([[-4.0, 0.0, 9.0]])
    np.testing.assert_allclose(SignedPower(0.5)(x), [[-2.0, 0.0, 3.0]])
    np.testing.assert_allclose(SignedPower(2)(x), [[-16.0, 0.0, 81.0]])
    np.testing.assert_array_equal(SignedPower(1)(x), x)


def test_config_round_trip():
    layer = SignedPower(0.25, name="power", dtype="float32")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert isinstance(copy, SignedPower) and copy.get_config() == layer.get_config()


@pytest.mark.parametrize("exponent", [0, -1, float("nan")])
def test_refuses_other_exponents(exponent):
    with pytest.raises(InputError, match="exponent="):
        SignedPower(exponent)
