"""What each stream of the semi-coupled network sees, and its fusions."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS

SHAPE = (5, 8, 10, 5)
CLIPS = np.random.default_rng(0).random((2, *SHAPE), np.float32)


def _trunk(shape=SHAPE, **options):
    return TRUNKS.get("semi_coupled_fusion")(shape, **options)


def _seen(trunk, layer):
    inner = tf.keras.Model(trunk.input, trunk.get_layer(f"semi_coupled_fusion_{layer}").output)
    return inner(CLIPS).numpy()


def test_what_the_streams_see():
    """The third of five frames less the mean; 15 colours of flow less theirs, a frame in a row."""
    trunk = _trunk()
    expected = CLIPS[:, 2, ..., :3] - CLIPS[..., :3].mean(axis=1)
    np.testing.assert_allclose(_seen(trunk, "frame_image"), expected, atol=1e-6)
    colours = _seen(trunk, "flow_colours")
    stacked = np.concatenate([colours[:, frame] for frame in range(5)], axis=-1)
    expected = stacked - stacked.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(_seen(trunk, "flow_change"), expected, atol=1e-6)


def test_a_still_clip_says_nothing():
    still = np.concatenate([np.full((1, *SHAPE[:3], 3), 0.7), np.full((1, *SHAPE[:3], 2), 0.5)], -1)
    trunk = _trunk()
    for layer in ("frame_image", "flow_change"):
        output = trunk.get_layer(f"semi_coupled_fusion_{layer}").output
        np.testing.assert_allclose(tf.keras.Model(trunk.input, output)(still), 0, atol=1e-6)


def test_published_size():
    """Streams to 4x4x128; 2,432 + 26,432 + 102,528 + 409,856 + 1,792 + 262,272."""
    trunk = _trunk((11, 32, 32, 5))
    assert trunk.get_layer("semi_coupled_fusion_sum").output_shape == (None, 4, 4, 128)
    assert trunk.count_params() == 805_312


@pytest.mark.parametrize(
    ("options", "width", "more"),
    [
        # Beyond a sum: 2,048 -> 128 -> 4,096, and a 1x1 convolution of 256 to 128
        ({"fusion": "concat"}, 128, 128 * 2 * 128),
        ({"fusion": "conv"}, 128, 256 * 128 + 128),
        # Two dense layers, of 2x128 and 2x64; conv3 and its norm have 64 filters less
        (
            {"fuse_at": "fc1"},
            128,
            2 * 64 * 128 + 128 - 64 * (25 * 64 + 1 + 4),
        ),
        (
            {"fuse_at": "fc1", "fusion": "concat"},
            256,
            2 * 64 * 128 + 128 - 64 * (25 * 64 + 1 + 4),
        ),
    ],
)
def test_fusions(options, width, more):
    """8x10 becomes 1x2: the dense layer behind a sum has 2 * 128 * 128 + 128 parameters."""
    trunk = _trunk(**options)
    assert trunk.output_shape == (None, width)
    assert trunk.count_params() == _trunk().count_params() + more
    features = trunk(CLIPS).numpy()
    assert np.isfinite(features).all() and (features >= 0).all()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8, 8, 5), {}, "3 frames or more with RGB and flow"),
        ((2, 8, 8, 5), {}, r"input_shape=\(2, 8, 8, 5\)"),
        ((3, 8, 8, 3), {}, r"farneback\(3\)"),
        ((3, 7, 8, 5), {}, "too small"),
        (SHAPE, {"fuse_at": "fc2"}, "fuse_at='fc2'"),
        (SHAPE, {"fuse_at": "fc1", "fusion": "conv"}, "fusion='conv' cannot be used at fc1"),
        (SHAPE, {"dropout": 1}, "dropout=1"),
    ],
)
def test_what_cannot_be_built_is_named(shape, options, message):
    with pytest.raises(InputError, match=message) as caught:
        _trunk(shape, **options)
    assert "\n" not in str(caught.value)
