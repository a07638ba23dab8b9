"""The two-stream trunk: which channels a stream sees, fusion and its places, turned clips."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.two_stream import two_stream

CLIPS = np.random.default_rng(0).random((3, 4, 16, 16, 5), np.float32)
SHAPE = CLIPS.shape[1:]
# Small, since what costs is the building of graphs.
SMALL = {"stream": "stacks(frames=2, filters=(4, 4, 6))", "units": 8, "recurrent_units": 5}


@pytest.fixture(autouse=True)
def same_weights():
    """In networks as narrow as these, one draw in many has a layer whose units are all dead."""
    tf.keras.utils.set_random_seed(1)


def outputs(model, *layers):
    wanted = [model.get_layer(f"two_stream_{layer}").output for layer in layers]
    return tf.keras.Model(model.input, wanted)(CLIPS)


@pytest.mark.parametrize(
    ("streams", "ignored"), [("appearance", slice(3, 5)), ("flow", slice(0, 3))]
)
def test_a_stream_alone_does_not_see_the_other_channels(streams, ignored):
    model = two_stream(SHAPE, streams=streams, **SMALL)
    changed = CLIPS.copy()
    changed[..., ignored] = 0.1
    np.testing.assert_array_equal(model(changed), model(CLIPS))
    assert not np.allclose(model(CLIPS), model(CLIPS[:, ::-1]), atol=1e-5)


def test_appearance_takes_clips_without_flow():
    with_flow = two_stream(SHAPE, streams="appearance", **SMALL)
    without = two_stream((4, 16, 16, 3), streams="appearance", **SMALL)
    without.set_weights(with_flow.get_weights())
    np.testing.assert_array_equal(without(CLIPS[..., :3]), with_flow(CLIPS))


def test_grey_sees_the_first_channel():
    model = two_stream(SHAPE, streams="appearance", grey=True, **SMALL)
    seen = tf.keras.Model(model.input, model.get_layer("two_stream_appearance").output)
    np.testing.assert_array_equal(seen(CLIPS), CLIPS[..., :1])


@pytest.mark.parametrize("place", ["maps", "units", "states"])
def test_fusion_is_of_the_streams_at_its_place(place):
    last = {"maps": "pool3", "units": "unfold", "states": "both_ways"}[place]
    # Maps [n t, 2, 2, d], vectors [n, t, d], states [n, d]
    width = {"maps": 6, "units": 8, "states": 10}[place]
    both = f"appearance_{last}", f"flow_{last}"
    model = two_stream(SHAPE, fusion="sum", fuse_at=place, **SMALL)
    appearance, flow, fused = outputs(model, *both, "sum")
    assert appearance.shape[-1] == width
    np.testing.assert_allclose(fused, appearance + flow, rtol=1e-6)

    model = two_stream(SHAPE, fusion="conv", fuse_at=place, **SMALL)
    appearance, flow, fused = outputs(model, *both, "conv")
    kernel, bias = model.get_layer("two_stream_conv").get_weights()
    assert kernel.shape == (2 * width, width)
    expected = np.concatenate([appearance, flow], axis=-1) @ kernel + bias
    np.testing.assert_allclose(fused, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


def test_concatenated_states_are_the_features():
    model = two_stream(SHAPE, fuse_at="states", **SMALL)
    appearance, flow = outputs(model, "appearance_both_ways", "flow_both_ways")
    np.testing.assert_array_equal(model(CLIPS), np.concatenate([appearance, flow], axis=-1))


def test_streams_that_learn_apart_add_up_at_prediction():
    model = two_stream(SHAPE, fuse_at="states", appearance_share=0.5, flow_weight=0.25, **SMALL)
    appearance, flow = outputs(model, "appearance_both_ways", "flow_both_ways")
    expected = np.concatenate([appearance, 0.25 * flow], axis=-1)
    np.testing.assert_array_equal(model(CLIPS), expected)
    features = model(CLIPS, training=True).numpy()
    is_seen = np.any(features[:, :10], axis=-1), np.any(features[:, 10:], axis=-1)
    np.testing.assert_array_equal(is_seen[0], ~is_seen[1])


def test_parameters_counted_layer_by_layer():
    def look(channels, filters):  # the norm of the input, convolutions 4x4, 3x3, 3x3, norms
        first, second, third = filters
        norms = 4 * (channels + sum(filters))
        return 16 * channels * first + 9 * first * second + 9 * second * third + norms

    # Four frames and their mean of RGB and of flow; maps of 2x2; three gates, biases twice
    units = 4 * (12 + 6) * 20 + 20
    recurrent = 2 * 3 * 7 * (20 + 7 + 2)
    model = two_stream(
        (8, 16, 16, 5),
        stream="stacks(filters=(4, 8, 12))",
        flow_stream="stacks(filters=(2, 4, 6))",
        units=20,
        recurrent_units=7,
    )
    expected = look(15, (4, 8, 12)) + look(10, (2, 4, 6)) + units + recurrent
    assert model.count_params() == expected


@pytest.mark.parametrize("stream", ["c2plus1d(2, (4, 4, 6))", "c3d(frames=2, width=0.01)"])
def test_other_looks_and_attention(stream):
    model = two_stream(SHAPE, stream=stream, units=8, temporal="attention", fusion="conv")
    features = model(CLIPS).numpy()
    assert features.shape == (3, 2 * 8)
    assert np.isfinite(features).all()


def test_a_unit_of_c3d_sees_its_own_frames_only():
    model = two_stream(SHAPE, streams="flow", stream="c3d(frames=2, width=0.01)", units=8)
    changed = CLIPS.copy()
    changed[:, 2:] = 0.3
    units = tf.keras.Model(model.input, model.get_layer("two_stream_flow_unfold").output)
    first, second = np.moveaxis(units(CLIPS) - units(changed), 1, 0)
    np.testing.assert_allclose(first, 0, atol=1e-6)
    assert np.abs(second).max() > 1e-4


def test_features_with_views_do_not_change_when_clip_and_flow_are_turned():
    model = two_stream(SHAPE, turned_views=True, **SMALL)
    turned = np.rot90(CLIPS, 1, (2, 3)).copy()  # against the clock: right becomes up
    right, down = CLIPS[..., 3], CLIPS[..., 4]
    turned[..., 3], turned[..., 4] = np.rot90(down, 1, (2, 3)), 1 - np.rot90(right, 1, (2, 3))
    np.testing.assert_allclose(model(turned), model(CLIPS), rtol=1e-4, atol=1e-5)
    assert model.count_params() == two_stream(SHAPE, **SMALL).count_params()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 16, 16, 3), {}, "needs 5 channels"),
        ((4, 16, 16, 3), {"streams": "flow"}, "needs 5 channels"),
        (SHAPE, {"streams": "all"}, "streams='all'"),
        (SHAPE, {"fusion": "mean"}, "fusion='mean'"),
        (SHAPE, {"fuse_at": "pixels"}, "fuse_at='pixels'"),
        (SHAPE, {"temporal": "lstm"}, "temporal='lstm'"),
        (SHAPE, {"stream": "c4d"}, "stream='c4d'"),
        (SHAPE, {"stream": "stacks|stacks"}, "give one"),
        (SHAPE, {"stream": "stacks(filters=(4, 4))"}, "three widths"),
        (SHAPE, {"stream": "stacks(frames=3)"}, "frames=3 of a unit"),
        (SHAPE, {"stream": "stacks(2)", "flow_stream": "stacks(4)"}, "give both the same frames"),
        (SHAPE, {"fusion": "sum", "flow_stream": "stacks(filters=(4, 4, 6))"}, "equal widths"),
        (SHAPE, {"flow_stream": "c3d(frames=4, width=0.01)"}, "fuse_at='units' joins them"),
        (SHAPE, {"units": 0}, "units must be"),
        (SHAPE, {"dropout": 1.0}, "dropout=1.0"),
        (SHAPE, {"appearance_share": 0}, "appearance_share=0"),
        (SHAPE, {"flow_weight": -1}, "flow_weight must be"),
        ((4, 7, 16, 5), {}, "at least 8 pixels"),
        ((4, 16, 24, 5), {"turned_views": True}, "need square images"),
    ],
)
def test_unusable_options_are_named(shape, options, message):
    with pytest.raises(InputError, match=message):
        two_stream(shape, **options)
