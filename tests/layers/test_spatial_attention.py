import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SpatialAttention

MAPS = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)


@pytest.mark.parametrize("side", [1, 3])
def test_weighs_each_place_as_computed_by_hand(side):
    layer = SpatialAttention(side)
    layer.build(MAPS.shape)
    kernel = np.random.default_rng(1).normal(size=(side, side, 2, 1)).astype(np.float32)
    layer.set_weights([kernel])
    pooled = np.stack([MAPS.mean(-1), MAPS.max(-1)], axis=-1)
    border = side // 2
    padded = np.pad(pooled, ((0, 0), (border, border), (border, border), (0, 0)))
    score = np.zeros(MAPS.shape[:3])
    for y in range(side):
        for x in range(side):
            score += padded[:, y : y + 4, x : x + 5] @ kernel[y, x, :, 0]
    expected = MAPS / (1 + np.exp(-score))[..., np.newaxis]
    np.testing.assert_allclose(layer(MAPS), expected, rtol=1e-5, atol=1e-6)


def test_has_eighteen_weights_and_no_bias():
    layer = SpatialAttention()
    layer.build((None, 7, 7, 512))
    assert layer.count_params() == 3 * 3 * 2


def test_config_round_trip():
    layer = SpatialAttention(5, name="where")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert (copy.kernel_size, copy.name) == (5, "where")


@pytest.mark.parametrize("side", [0, 2, -3, 3.0])
def test_refuses_a_side_without_a_centre(side):
    with pytest.raises(InputError, match=f"kernel_size={side}"):
        SpatialAttention(side)
