"""Shared filters are one variable; the rest is apart."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SemiCoupled

RNG = np.random.default_rng(0)
CASES = {
    "dense": (tf.keras.layers.Dense(4, activation="relu"), (2, 5)),
    "dense of a sequence": (tf.keras.layers.Dense(4, use_bias=False), (2, 3, 5)),
    "conv1d": (tf.keras.layers.Conv1D(4, 3, dilation_rate=2), (2, 7, 3)),
    "conv2d": (tf.keras.layers.Conv2D(4, 3, strides=2, padding="same"), (2, 7, 6, 3)),
    "conv3d": (tf.keras.layers.Conv3D(4, (1, 3, 3), activation="tanh"), (2, 3, 4, 5, 2)),
}


@pytest.fixture(params=CASES)
def case(request):
    """A layer with random weights and what it takes."""
    partner, shape = CASES[request.param]
    inputs = RNG.normal(size=shape).astype(np.float32)
    partner(inputs)
    partner.set_weights([RNG.normal(size=w.shape) for w in partner.get_weights()])
    return partner, inputs


def test_begins_as_a_copy_and_then_has_filters_of_both(case):
    """With filters a, b | c, d of its own it is a plain layer of kernel [a, b, c, d]."""
    partner, inputs = case
    layer = SemiCoupled(partner, 2)
    np.testing.assert_allclose(layer(inputs), partner(inputs), rtol=1e-5, atol=1e-6)

    own = [RNG.normal(size=w.shape) for w in (layer.kernel, layer.bias) if w is not None]
    layer.kernel.assign(own[0])
    if layer.bias is not None:
        layer.bias.assign(own[1])
    plain = type(partner).from_config({**partner.get_config(), "name": "plain"})
    plain(inputs)
    pairs = zip(partner.get_weights(), own, strict=True)
    plain.set_weights([np.concatenate([theirs[..., :2], rest], -1) for theirs, rest in pairs])
    np.testing.assert_allclose(layer(inputs), plain(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [0, 3])
def test_gradients_of_the_shared_filters_reach_the_partner(shared):
    partner = tf.keras.layers.Dense(4)
    layer = SemiCoupled(partner, shared)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.ones((2, 3))))
    theirs, own = tape.gradient(loss, [partner.kernel, layer.kernel])
    expected = np.repeat([[2.0] * shared + [0.0] * (4 - shared)], 3, axis=0)
    np.testing.assert_array_equal(theirs, expected)
    np.testing.assert_array_equal(own, np.full((3, 4 - shared), 2.0))


def test_weights_are_counted_once_beside_the_partner():
    partner = tf.keras.layers.Dense(4)
    inputs = tf.keras.Input((3,))
    model = tf.keras.Model(inputs, [partner(inputs), SemiCoupled(partner, 1)(inputs)])
    assert model.count_params() == (3 * 4 + 4) + (3 * 3 + 3)
    assert len(model.trainable_variables) == 4


def test_what_is_frozen_stays_so():
    layer = SemiCoupled(tf.keras.layers.Dense(4, trainable=False), 2)
    layer(tf.ones((1, 3)))
    assert layer.trainable_weights == []


def test_config_round_trip():
    layer = SemiCoupled(tf.keras.layers.Conv2D(6, 3), 5, name="half")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert (copy.name, copy.shared, copy.partner.filters) == ("half", 5, 6)
    assert copy(tf.zeros((1, 4, 4, 2))).shape == (1, 2, 2, 6)


@pytest.mark.parametrize(
    ("partner", "shared", "message"),
    [
        (tf.keras.layers.GRU(3, name="walk"), 1, "layer 'walk', a GRU, cannot be shared in part"),
        (tf.keras.layers.Conv1D(4, 3, padding="causal"), 1, "no causal padding"),
        (tf.keras.layers.SeparableConv2D(4, 3), 1, "a SeparableConv2D"),
        (tf.keras.layers.Conv2D(4, 3, groups=2), 1, "one group"),
        (tf.keras.layers.Dense(4, name="fc"), 4, "shared=4.*'fc' has 4 filters.*the layer itself"),
        (tf.keras.layers.Dense(4), -1, "shared=-1"),
        (tf.keras.layers.Dense(4), 0.5, "shared=0.5"),
    ],
)
def test_what_cannot_be_shared_is_named(partner, shared, message):
    with pytest.raises(InputError, match=message) as caught:
        SemiCoupled(partner, shared)
    assert "\n" not in str(caught.value)
