import io

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError

SEED = tf.constant([1, 2])


@pytest.fixture
def smooth():
    """An 80 x 96 8-bit colour image without hard edges, as a photograph."""
    coarse = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    return cv2.resize(coarse, (96, 80), interpolation=cv2.INTER_CUBIC)


def test_sizes_and_factors():
    image = np.random.default_rng(0).random((112, 96, 3), np.float32)
    assert parse_recipe("area(16)")(image).shape == (16, 16, 3)
    assert parse_recipe("area(12, 16)")(image).shape == (12, 16, 3)
    assert parse_recipe("bicubic(1/7)")(image).shape == (16, 13, 3)
    assert parse_recipe("nearest(factor=2)")(image).shape == (224, 192, 3)


@pytest.mark.parametrize("quality", [5, 50, 90, 100])
def test_jpeg_is_a_round_trip_through_pillow(smooth, quality):
    file = io.BytesIO()
    Image.fromarray(smooth).save(file, "JPEG", quality=quality)
    expected = np.asarray(Image.open(file), np.float32)
    result = parse_recipe(f"jpeg({quality})")(np.stack([smooth, smooth]) / 255)
    np.testing.assert_allclose(result * 255, np.stack([expected, expected]), atol=1)


def test_jpeg_of_gray_and_of_no_images(smooth):
    assert parse_recipe("jpeg(50)")(smooth[..., :1] / 255).shape == (80, 96, 1)
    assert parse_recipe("jpeg(50)")(np.zeros((0, 8, 8, 3))).shape == (0, 8, 8, 3)


def test_gray_is_pillow_luma(smooth):
    expected = np.asarray(Image.fromarray(smooth).convert("L"))[..., np.newaxis]
    result = parse_recipe("gray")(smooth / 255)
    assert result.shape == smooth.shape
    np.testing.assert_allclose(result * 255, np.repeat(expected, 3, axis=-1), atol=0.51)
    one_channel = smooth[..., :1] / 255
    np.testing.assert_allclose(parse_recipe("gray")(one_channel), one_channel, atol=1e-7)


def test_quantize():
    ramp = np.float32([0, 0.24, 0.25, 0.26, 0.74, 0.76, 1]).reshape(1, 7, 1)
    result = parse_recipe("quantize(3)")(ramp).numpy().ravel()
    np.testing.assert_array_equal(result, [0, 0, 0.5, 0.5, 0.5, 1, 1])
    every_byte = np.arange(256, dtype=np.float32).reshape(16, 16, 1) / 255
    np.testing.assert_allclose(parse_recipe("quantize(256)")(every_byte), every_byte, atol=1e-7)


@pytest.mark.parametrize(("old", "top"), [(4, 1), (5, 1), (3, 2)])
def test_pad_centres_and_crop_undoes_it(old, top):
    """Canvas of 7 rows: a rest of 3, 2 or 4 leaves 1, 1 or 2 rows above."""
    image = np.random.default_rng(0).random((old, 7, 1), np.float32)
    padded = parse_recipe("pad(7, value=0.5)")(image).numpy()
    expected = np.full((7, 7, 1), 0.5, np.float32)
    expected[top : top + old] = image
    np.testing.assert_array_equal(padded, expected)
    np.testing.assert_array_equal(parse_recipe(f"crop({old}, 7)")(padded), image)


def test_pad_never_removes_and_crop_never_adds():
    image = np.zeros((9, 3, 3), np.float32)
    assert parse_recipe("pad(6)")(image).shape == (9, 6, 3)
    assert parse_recipe("crop(6)")(image).shape == (6, 3, 3)
    assert parse_recipe("pad(6)|crop(6)")(image).shape == (6, 6, 3)


def test_noise_has_the_stated_deviation():
    gray = np.full((200, 200, 3), 0.5, np.float32)
    difference = parse_recipe("noise(0.05)")(gray, SEED).numpy() - 0.5
    assert abs(difference.mean()) < 1e-3
    assert difference.std() == pytest.approx(0.05, rel=0.02)


def test_poisson_is_a_scaled_count_of_variance_equal_to_its_mean():
    gray = np.full((200, 200, 3), 0.3, np.float32)
    counts = parse_recipe("poisson(50)")(gray, SEED).numpy() * 50
    np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
    assert counts.mean() == pytest.approx(15, rel=0.02)
    assert counts.var() == pytest.approx(15, rel=0.05)
    assert not parse_recipe("poisson(50)")(np.zeros((8, 8, 3)), SEED).numpy().any()


def test_random_size_draws_every_side():
    recipe = parse_recipe("random_size(3, 6)")
    image = np.zeros((20, 30, 3), np.float32)
    shapes = {tuple(recipe(image, tf.constant([0, i])).shape) for i in range(40)}
    assert shapes == {(side, side, 3) for side in (3, 4, 5, 6)}


def test_pick_size_draws_the_given_sides_as_often_as_they_are_there():
    recipe = parse_recipe("pick_size(3, 5, 5, 5)")
    image = np.zeros((20, 30, 3), np.float32)
    side = tf.function(lambda seed: tf.shape(recipe(image, seed))[0])
    sides = [int(side(tf.constant([1, number]))) for number in range(200)]
    assert set(sides) == {3, 5}
    # 50 of 200 are expected, with a standard deviation of 6.
    assert 26 < sides.count(3) < 74


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aera(16)", "did you mean 'area'"),
        ("area()", "got 0 arguments"),
        ("area(1, 2, 3)", "got 3 arguments"),
        ("area(0)", "at least 1, got 0"),
        ("area(-3)", "at least 1, got -3"),
        ("area(True)", "got True"),
        ("area('16')", "got '16'"),
        ("area(2.5)", "factor=2.5"),
        ("area(16, factor=2)", "either a size or a factor"),
        ("area(factor=0)", "factor must be a number"),
        ("area(0.0)", "factor must be a number"),
        ("area(0.5, 0.5)", "got 0.5"),
        ("area(16, antialias=False)", "antialias"),
        ("bicubic(16, antialias=0)", "True or False, got 0"),
        ("blur()", r"written blur\(sigma\)"),
        ("blur(0)", "got 0"),
        ("noise(-0.1)", "got -0.1"),
        ("noise(0.1, seed=3)", "seed"),
        ("poisson(0)", "got 0"),
        ("quantize(1)", "got 1"),
        ("quantize(2.0)", "got 2.0"),
        ("jpeg(0)", "from 1 to 100, got 0"),
        ("jpeg(101)", "from 1 to 100, got 101"),
        ("gray(1)", "gray"),
        ("pad(8, value=2)", "from 0 to 1, got 2"),
        ("crop(0)", "got 0"),
        ("random_size(8)", "high"),
        ("random_size(8, 4)", "at least 8, got 4"),
        ("random_size(4, 8, kernel='box')", "got 'box'"),
        ("pick_size()", "each side"),
        ("pick_size(8, 0)", "got 0"),
        ("pick_size(8, kernel='box')", "got 'box'"),
    ],
)
def test_wrong_arguments(text, message):
    with pytest.raises(InputError, match=message) as raised:
        parse_recipe(text)
    assert "\n" not in str(raised.value)
    assert repr(text) in str(raised.value)
