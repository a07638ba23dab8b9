"""Optical flow of synthetic motion, its encoding, resizing and colours."""

import types

import cv2
import numpy as np
import pytest

from mtl_lowres.data.flow import (
    clip_flow,
    decode_flow,
    encode_flow,
    flow_colours,
    list_flows,
    parse_flow,
    resize_flow,
)
from mtl_lowres.data.recipe import parse_calls
from mtl_lowres.errors import InputError


def _method(text):
    return parse_flow(parse_calls(text)[0])


def _blob(height, width, y, x, sigma=2.0):
    """Return an RGB frame with a grey Gaussian blob around (y, x)."""
    rows, columns = np.mgrid[:height, :width]
    blob = 0.2 + 0.6 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    return np.repeat(blob[..., np.newaxis], 3, axis=-1).astype(np.float32)


def _moved_texture(pixels):
    """Return two frames of 112x112 of which the second lies `pixels` further to the right."""
    texture = np.random.default_rng(0).normal(size=(112, 112 + pixels)).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 2.0)
    texture = np.clip(0.5 + 0.16 * texture / texture.std(), 0, 1)[..., np.newaxis].repeat(3, -1)
    return np.stack([texture[:, pixels:], texture[:, :112]])


def test_the_methods():
    assert list_flows() == ["dis", "farneback", "stored", "tvl1"]
    assert _method("stored(2)").compute is None
    assert _method(" farneback( 3,window = 7 )").text == "farneback(3, window=7)"
    assert _method("farneback(3)") == _method("farneback(3)") != _method("dis(3)")


@pytest.mark.parametrize("method", ["farneback(3)", "dis(3)", 'dis(3, "fast")'])
@pytest.mark.parametrize("size", [(16, 16), (12, 16)])
@pytest.mark.parametrize("motion", [(1, 0), (0, -1), (2, 0), (-1.5, 1)])
def test_a_small_blob_is_followed(method, size, motion):
    """Mean endpoint error below a tenth of a pixel where the blob is; the figures are measured."""
    dx, dy = motion
    y, x = size[0] / 2, size[1] / 2
    frames = np.stack([_blob(*size, y, x), _blob(*size, y + dy, x + dx)])
    flow = clip_flow(_method(method), frames)
    rows, columns = np.mgrid[: size[0], : size[1]]
    inside = (rows - y) ** 2 + (columns - x) ** 2 <= 9
    assert np.hypot(flow[0, ..., 0] - dx, flow[0, ..., 1] - dy)[inside].mean() < 0.1


@pytest.mark.parametrize(("method", "limit"), [("farneback(5)", 0.15), ("dis(5)", 0.1)])
def test_texture_at_112_is_followed(method, limit):
    flow = clip_flow(_method(method), _moved_texture(2))[0]
    assert np.hypot(flow[..., 0] - 2, flow[..., 1]).mean() < limit


def test_farneback_is_opencvs_on_rounded_luma():
    frames = np.random.default_rng(1).random((2, 20, 24, 3), np.float32)
    grey = np.rint(255 * frames.astype(np.float64) @ [0.299, 0.587, 0.114]).astype(np.uint8)
    expected = cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 2, 9, 4, 7, 1.5, 0)
    method = _method("farneback(3, window=9, levels=2, iterations=4, poly_n=7)")
    np.testing.assert_array_equal(clip_flow(method, frames)[0], expected)


def test_bytes_give_the_flow_of_the_floats_they_are_decoded_to():
    frames = np.random.default_rng(2).integers(0, 256, (3, 16, 16, 3), np.uint8)
    method = _method("farneback(3)")
    floats = np.multiply(frames, np.float32(1 / 255), dtype=np.float32)
    np.testing.assert_array_equal(clip_flow(method, frames), clip_flow(method, floats))


def test_the_last_frame_repeats_and_one_frame_is_still():
    frames = np.stack([_blob(16, 16, 8, x) for x in (6, 7, 8)])
    flow = clip_flow(_method("farneback(3)"), frames)
    assert flow.shape == (3, 16, 16, 2) and flow.dtype == np.float32
    assert (flow[1] != 0).any()
    np.testing.assert_array_equal(flow[2], flow[1])
    still = clip_flow(_method("farneback(3)"), frames[:1])
    np.testing.assert_array_equal(still, np.zeros((1, 16, 16, 2)))
    np.testing.assert_array_equal(encode_flow(still, 3), np.full((1, 16, 16, 2), 0.5))


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (6, 8), (8, 8), (24, 23)])
@pytest.mark.parametrize("method", ["farneback(3)", "dis(3)"])
def test_tiny_and_narrow_frames_have_flow(method, size):
    frames = np.random.default_rng(3).random((2, *size, 3), np.float32)
    flow = clip_flow(_method(method), frames)
    assert flow.shape == (2, *size, 2) and np.isfinite(flow).all()


def test_encoding_and_decoding_are_the_formula():
    flow = np.float32([-9, -4, -1, 0, 2, 4, 9])
    encoded = encode_flow(flow, 4)
    np.testing.assert_allclose(encoded, [0, 0, 0.375, 0.5, 0.75, 1, 1], rtol=1e-6)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(decode_flow(encoded, 4), [-4, -4, -1, 0, 2, 4, 4], rtol=1e-6)


def test_resizing_averages_and_scales_vectors():
    """Halving the height halves dy; enlarging the width 1.5 times multiplies dx by 1.5."""
    flow = np.zeros((2, 4, 2, 2), np.float32)
    flow[..., 0] = 2
    flow[0, :, 0, 1] = [1, 3, 5, 7]
    resized = resize_flow(flow, 2, 3)
    assert resized.shape == (2, 2, 3, 2)
    np.testing.assert_allclose(resized[..., 0], 3)
    np.testing.assert_allclose(resized[0, :, 0, 1], [1, 3], rtol=1e-6)  # means 2 and 6, halved
    np.testing.assert_array_equal(resized[1, ..., 1], 0)


def test_resizing_to_a_side_that_does_not_divide_is_by_area():
    flow = np.arange(5, dtype=np.float16).reshape(1, 5, 1, 1).repeat(2, -1)
    resized = resize_flow(flow, 2, 1)[0, :, 0]
    means = [(0 + 1 + 0.5 * 2) / 2.5, (0.5 * 2 + 3 + 4) / 2.5]
    np.testing.assert_allclose(resized, np.transpose([means, np.multiply(means, 2 / 5)]), rtol=1e-6)


def test_colours_of_the_wheel():
    """By hand from `colorcode.cpp`: 15, 6, 4, 11, 13, 6 colours an arc; to the right is red."""
    flow = np.float32([[0, 0], [4, 0], [2, 0], [-4, 0], [0, 4], [0, -4], [9, 0]])
    expected = [
        [255, 255, 255],
        [255, 0, 0],
        [255, 127.5, 127.5],
        [0, 209, 255],  # place 27 of 54: 255 - int(255 * 2 / 11) of green
        [255, 229.5, 0],  # place 13.5: int(255 * 13 / 15) and int(255 * 14 / 15) of green
        [88, 0, 255],  # place 40.5: int(255 * 4 / 13) and int(255 * 5 / 13) of red
        [255, 0, 0],
    ]
    np.testing.assert_allclose(flow_colours(flow, 4) * 255, expected, atol=0.01)


def test_colours_differ_by_direction_and_fade_with_length():
    angles = np.linspace(0, 2 * np.pi, 54, endpoint=False)
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    full, half = flow_colours(unit, 1), flow_colours(unit / 2, 1)
    assert len(np.unique(full.round(4), axis=0)) == 54
    np.testing.assert_allclose(half, (1 + full) / 2, atol=1e-5)
    assert full.min() >= 0 and full.max() <= 1 and full.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("farnebek(3)", "did you mean 'farneback'"),
        ("farneback(0)", "bound must be a number from 0.01 to 10000, got 0"),
        ("dis()", "it is written dis"),
        ('dis(3, "slow")', "preset must be one of ultrafast, fast, medium, got 'slow'"),
        ("dis(3, (1, 2))", "preset must be one of"),
        ("farneback(3, poly_n=6)", "poly_n must be 5 or 7, got 6"),
        ("farneback(3, window=1)", "window must be an integer from 2 to 255, got 1"),
        ("farneback(3, levels=-1)", "levels must be an integer"),
        ("farneback(3, iterations=1.5)", "iterations must be an integer"),
    ],
)
def test_unusable_methods_are_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=".*") as error:
        _method(text)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_tvl1_where_opencv_lacks_it(monkeypatch):
    monkeypatch.delattr(cv2, "optflow", raising=False)
    with pytest.raises(InputError, match="install opencv-contrib-python-headless in place of"):
        _method("tvl1(3)")


def test_tvl1_where_opencv_has_it(monkeypatch):
    """A contrib build is played by a module that sees images of at least 24 pixels a side."""
    sizes = []

    class Solver:
        def calc(self, before, after, flow):
            sizes.append(before.shape)
            return np.full((*before.shape, 2), 4, np.float32)

    optflow = types.SimpleNamespace(DualTVL1OpticalFlow_create=Solver)
    monkeypatch.setattr(cv2, "optflow", optflow, raising=False)
    flow = clip_flow(_method("tvl1(3)"), np.zeros((2, 12, 16, 3), np.float32))
    assert sizes == [(24, 32)]
    np.testing.assert_array_equal(flow, np.full((2, 12, 16, 2), 2))  # in pixels of 12x16
