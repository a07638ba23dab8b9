"""The twin of any trunk: what is shared, what is apart, and that both begin alike."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.layers import SemiCoupled
from mtl_lowres.registry import TRUNKS
from mtl_lowres.training.twin import make_twin

L = tf.keras.layers
CONVOLUTIONS = ((1, 0), (2, 16), (3, 64))


def _two_streams():
    """Two parallel streams of a convolution and a dense layer, and a dense layer behind both."""
    image = tf.keras.Input((4, 4, 2), name="image")
    ends = []
    for stream in "ab":
        x = L.Conv2D(4, 3, name=f"{stream}_conv")(image)
        x = L.BatchNormalization(name=f"{stream}_norm")(x)
        x = L.Dense(8, name=f"{stream}_fc")(L.Flatten(name=f"{stream}_flat")(x))
        ends.append(x)
    x = L.Dense(4, name="fused_fc")(L.Add(name="sum")(ends))
    return tf.keras.Model(image, x, name="two")


def _layer(model, name):
    return next(layer for layer in model.layers if layer.name == name)


def test_shares_follow_the_depth_in_every_stream():
    """Three layers on each path: shares 0, 0.5, 1 of 4, 8 and 4 filters."""
    trunk = _two_streams()
    twin = make_twin(trunk, (0, 0.5, 1))
    for stream in "ab":
        assert _layer(twin, f"{stream}_conv_twin").shared == 0
        assert _layer(twin, f"{stream}_fc_twin").shared == 4
        assert _layer(twin, f"{stream}_norm_twin") is not _layer(trunk, f"{stream}_norm")
        assert _layer(twin, f"{stream}_flat") is _layer(trunk, f"{stream}_flat")
    assert _layer(twin, "fused_fc") is _layer(trunk, "fused_fc")


@pytest.mark.parametrize(
    ("shares", "shared"), [((0.25,), (1, 2, 1)), ((0, 0.75), (0, 0, 3)), ((0.1,) * 9, (0, 1, 0))]
)
def test_fewer_or_more_shares_than_layers(shares, shared):
    """0.25 of 4, 8, 4; layers one and two of the first half; round(0.4), round(0.8)."""
    twin = make_twin(_two_streams(), shares)
    names = ("a_conv_twin", "a_fc_twin", "fused_fc_twin")
    assert tuple(_layer(twin, name).shared for name in names) == shared


def test_released_ratios():
    """Published: 0, 0.25, 0.5 of 32, 64, 128 filters, 0.75 of 128 units: 0, 16, 64, 96."""
    trunk = TRUNKS.get("semi_coupled_fusion")((3, 8, 8, 5))
    twin = make_twin(trunk, (0, 0.25, 0.5, 0.75))
    shared = {layer.name: layer.shared for layer in twin.layers if isinstance(layer, SemiCoupled)}
    streams = {f"{s}_conv{n}": k for s in ("spatial", "temporal") for n, k in CONVOLUTIONS}
    expected = {**streams, "fc1": 96}
    assert shared == {f"semi_coupled_fusion_{name}_twin": k for name, k in expected.items()}


TRUNKS_TO_COPY = {
    "clipnet": ((4, 8, 8, 3), {"filters": (4, 4, 4), "units": 4, "recurrent_units": 4, "stack": 2}),
    # With a network within the network, separable convolutions and attention.
    "mtdnn": (
        (2, 16, 16, 3),
        {"backbone": "steadynet(filters=(4, 4, 4))", "filters": 4, "lstm_units": 4},
    ),
}


@pytest.mark.parametrize("name", TRUNKS_TO_COPY)
def test_begins_as_a_copy_and_trains_beside_the_trunk(name):
    shape, options = TRUNKS_TO_COPY[name]
    tf.keras.utils.set_random_seed(0)
    trunk = TRUNKS.get(name)(shape, **options)
    for weight in trunk.weights:  # norms and biases must not be at their initial values
        weight.assign_add(tf.random.uniform(weight.shape, 0, 0.1))
    twin = make_twin(trunk, (0.5,))
    clips = np.random.default_rng(0).random((3, *shape), np.float32)
    np.testing.assert_allclose(twin(clips), trunk(clips), rtol=1e-4, atol=1e-5)

    features = L.Concatenate(axis=0, name="both")([twin.output, trunk.output])
    both = tf.keras.Model([twin.input, trunk.input], features)
    mine = {id(weight) for weight in trunk.weights}
    apart = [weight for weight in twin.weights if id(weight) not in mine]
    assert apart and both.count_params() == trunk.count_params() + sum(
        int(np.prod(weight.shape)) for weight in apart
    )
    names = [weight.name for weight in both.weights]
    assert len(set(names)) == len(names)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(both([clips, clips], training=True) ** 2)
    gradients = tape.gradient(loss, both.trainable_variables)
    assert all(gradient is not None and np.any(gradient) for gradient in gradients)
