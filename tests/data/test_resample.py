"""Resampling against Pillow (with `antialias`) and OpenCV (without, and area)."""

import cv2
import numpy as np
import pytest
from PIL import Image

from mtl_lowres.data.resample import KERNELS, gaussian_blur, resize, scaled_side

PILLOW = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
OPENCV = {
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
INPUT_SIZES = [(480, 480), (97, 61), (7, 5), (1, 9), (1, 1)]
OUTPUT_SIZES = [(16, 16), (23, 9), (112, 96), (1, 1)]


def random_image(size, hard=False):
    """8-bit noise; `hard` is black and white, where bicubic and lanczos overshoot most."""
    rng = np.random.default_rng(0)
    if hard:
        return rng.integers(0, 2, (*size, 3), np.uint8) * 255
    return rng.integers(0, 256, (*size, 3), np.uint8)


def resized(image, size, kernel, antialias=True):
    images = (image / 255).astype(np.float32)[np.newaxis]
    result = resize(images, *size, kernel, antialias)[0].numpy()
    assert result.shape == (*size, 3)
    return result.clip(0, 1) * 255


@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize("size", OUTPUT_SIZES)
@pytest.mark.parametrize("old", INPUT_SIZES)
def test_antialiased_is_pillow(kernel, old, size):
    for hard in (False, True):
        image = random_image(old, hard)
        expected = Image.fromarray(image).resize(size[::-1], PILLOW[kernel])
        result = np.floor(resized(image, size, kernel) + 0.5)
        np.testing.assert_allclose(result, np.asarray(expected), atol=1)


@pytest.mark.parametrize("kernel", OPENCV)
@pytest.mark.parametrize("size", OUTPUT_SIZES)
@pytest.mark.parametrize("old", INPUT_SIZES)
def test_without_antialias_is_opencv(kernel, old, size):
    image = random_image(old, hard=True)
    expected = cv2.resize(image.astype(np.float32), size[::-1], interpolation=OPENCV[kernel])
    result = resized(image, size, kernel, antialias=False)
    np.testing.assert_allclose(result, expected.clip(0, 255), atol=0.02)


@pytest.mark.parametrize(
    ("old", "size"),
    [
        ((480, 480), (16, 16)),
        ((480, 480), (17, 13)),
        ((97, 61), (23, 9)),
        ((97, 61), (1, 1)),
        ((7, 5), (112, 96)),
        ((1, 1), (16, 16)),
    ],
)
def test_area_is_opencv(old, size):
    image = random_image(old)
    expected = cv2.resize(image.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(resized(image, size, "area"), expected, atol=0.01)


def test_area_by_hand():
    """3 pixels onto 2: each output covers one and a half input pixels."""
    image = np.float32([0.0, 0.6, 0.9]).reshape(1, 1, 3, 1)
    result = resize(image, 1, 2, "area").numpy().ravel()
    np.testing.assert_allclose(result, [(0.0 + 0.3) / 1.5, (0.3 + 0.9) / 1.5], rtol=1e-6)


@pytest.mark.parametrize(("old", "size"), [((480, 480), (16, 16)), ((97, 61), (31, 80))])
def test_nearest_is_pillow_where_no_centre_lies_between_two_pixels(old, size):
    image = random_image(old)
    centres = [(np.arange(new) * 2 + 1) * length for length, new in zip(old, size, strict=True)]
    untied = [centre % (2 * new) != 0 for centre, new in zip(centres, size, strict=True)]
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], Image.NEAREST))
    result = resized(image, size, "nearest")
    chosen = np.ix_(*untied)
    np.testing.assert_allclose(result[chosen], expected[chosen], atol=1e-4)


def test_nearest_tie_takes_the_right_pixel():
    image = np.float32([0.1, 0.2, 0.3, 0.4]).reshape(1, 1, 4, 1)
    np.testing.assert_array_equal(
        resize(image, 1, 2, "nearest").numpy().ravel(), np.float32([0.2, 0.4])
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_constant_and_unchanged_size_are_kept(kernel):
    constant = np.full((2, 33, 21, 3), 0.3, np.float32)
    np.testing.assert_allclose(resize(constant, 10, 40, kernel), 0.3, rtol=1e-5)
    noise = np.random.default_rng(0).random((1, 9, 8, 3), np.float32)
    np.testing.assert_allclose(resize(noise, 9, 8, kernel), noise, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.8, 2.5, 6])
@pytest.mark.parametrize("size", [(64, 50), (7, 5), (1, 9), (1, 1)])
def test_blur_is_opencv(sigma, size):
    image = random_image(size, hard=True).astype(np.float32) / 255
    expected = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    result = gaussian_blur(image[np.newaxis], sigma)[0]
    np.testing.assert_allclose(result, expected.reshape(image.shape), atol=1e-5)


def test_scaled_side_rounds_down_as_the_papers_do():
    assert scaled_side(112, 1 / 7) == int(112 / 7) == 16
    assert scaled_side(96, 1 / 7) == int(96 / 7) == 13
    assert scaled_side(3, 1 / 7) == 1
    assert all(scaled_side(side, 1 / side) == 1 for side in range(1, 200))
    assert scaled_side(96, 1 / 7) == scaled_side(np.int32(96), 1 / 7)
