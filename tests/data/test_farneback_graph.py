"""The flow in the graph is OpenCV's, for the settings that clip texts allow."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.farneback_graph import append_flow, farneback_graph
from mtl_lowres.data.flow import Farneback, clip_flow, encode_flow

DEFAULT = Farneback(window=5, levels=3, iterations=3, poly_n=5)


def _pair(height, width, shift, blur=1.5):
    """Return a texture and what of it is seen after a motion, uint8 [h, w]."""
    texture = np.random.default_rng(0).random((height + 40, width + 40)).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), blur)
    texture = (texture - texture.min()) / np.ptp(texture) * 255
    motion = np.float32([[1, 0.01, shift[0]], [-0.01, 1, shift[1]]])
    moved = cv2.warpAffine(texture, motion, texture.shape[::-1])
    inner = np.s_[20 : 20 + height, 20 : 20 + width]
    return [np.rint(image[inner]).astype(np.uint8) for image in (texture, moved)]


@pytest.mark.parametrize(
    "size, settings",
    [
        ((12, 16), DEFAULT),
        ((6, 8), DEFAULT),  # OpenCV's rule for the border wraps around below ten pixels
        ((16, 16), Farneback(window=4, levels=0, iterations=2, poly_n=7)),
        ((70, 131), Farneback(window=15, levels=3, iterations=1, poly_n=5)),  # of two levels
    ],
)
def test_it_is_opencvs(size, settings):
    pairs = [_pair(*size, shift) for shift in ((0, 0), (0.7, -0.4), (2, 1))]
    # Part of a view that does not move, and nothing in it to see.
    pairs.append(
        [np.where(np.arange(size[1]) < 4, image, 60).astype(np.uint8) for image in pairs[1]]
    )
    before, after = np.stack(pairs, axis=1)
    flow = farneback_graph(settings, before, after)
    assert flow.dtype == tf.float32
    expected = np.stack([settings(*pair) for pair in pairs])
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(flow, expected, atol=2e-4)


def test_a_known_motion_is_found():
    """Most of a texture that moves by (2, 1) pixels has that flow, without OpenCV as a witness."""
    settings = Farneback(window=15, levels=2, iterations=3, poly_n=5)
    before, after = _pair(64, 80, (2, 1), blur=2.5)
    flow = farneback_graph(settings, before[np.newaxis], after[np.newaxis])[0].numpy()
    # The texture turns by 0.01 a pixel around its corner too.
    rows, columns = np.mgrid[20:84, 20:100]
    motion = np.stack([2 + 0.01 * rows, 1 - 0.01 * columns], axis=-1)
    assert np.median(np.abs(flow - motion)) < 0.05


def test_no_pair_and_no_texture():
    assert farneback_graph(DEFAULT, tf.zeros([0, 8, 9]), tf.zeros([0, 8, 9])).shape == (0, 8, 9, 2)
    flat = tf.fill([1, 1, 5], 200)
    np.testing.assert_allclose(farneback_graph(DEFAULT, flat, flat), 0, atol=1e-6)


@pytest.mark.parametrize("frames", [4, 1])
def test_clips_get_the_flow_that_the_pipeline_gives_them(frames):
    """The clip's colours stay; the last frame has the flow of the one before it, one alone none."""
    method = parse_clip("uniform(4)|farneback(2)").flow
    before, _ = _pair(12, 16, (0, 0))
    clip = np.stack([np.roll(before, i, axis=1) for i in range(frames)]) / np.float32(255)
    clip = clip[..., np.newaxis] * np.float32([1, 0.9, 0.6])
    whole = tf.function(lambda clip: append_flow(clip, method))(tf.constant(clip)).numpy()
    np.testing.assert_array_equal(whole[..., :3], clip)
    flow = clip_flow(method, clip)
    np.testing.assert_allclose(whole[..., 3:], encode_flow(flow, 2), atol=1e-4)
    assert (whole[..., 3:] == 0.5).all() == (frames == 1)
