"""Each operation against values derived with NumPy; drawn amounts are read off from the result."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.registry import AUGMENTATIONS

SEED = tf.constant([1, 2])


def noise_images(size=16, height=9, width=11):
    return np.random.default_rng(0).random((size, height, width, 3), np.float32)


def augmented(text, images):
    return parse_augment(text).images(tf.constant(images), SEED).numpy()


def shifted(image, down, right):
    """Whole-pixel shift of [h, w, c] that repeats the border."""
    height, width, _ = image.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[rows][:, columns]


def test_flip_mirrors_some_images_exactly():
    images = noise_images(64)
    result = augmented("flip", images)
    flipped = (result == images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (result == images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(flipped, ~kept)
    assert 16 < flipped.sum() < 48
    np.testing.assert_array_equal(augmented("flip(1)", images), images[:, :, ::-1])
    np.testing.assert_array_equal(augmented("flip(0.0)", images), images)


def test_vertical_flip_mirrors_top_and_bottom():
    images = noise_images()
    result = augmented('flip(1, axis="vertical")', images)
    np.testing.assert_array_equal(result, images[:, ::-1])


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("flip(0.4)", [3]),
        ('flip(0.4, axis="vertical")', [2]),
        ('flip(0.4)|flip(0.7, axis="vertical")', [3, 2]),
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_mirroring_alone_takes_what_the_warp_takes(text, axes, channels):
    """The same clips are mirrored, with their flow, as by the warp that a shift by 0 asks for.

    Which they are is read off from the first values: a mirrored image begins with another corner.
    """
    clips = np.random.default_rng(0).random((32, 2, 5, 6, channels), np.float32)
    result = augmented(text, clips)
    np.testing.assert_allclose(result, augmented(f"{text}|shift(0)", clips), atol=1e-6)
    kinds = set()
    for before, after in zip(clips, result, strict=True):
        for used in itertools.product([False, True], repeat=len(axes)):
            chosen = [axis for axis, use in zip(axes, used, strict=True) if use]
            if np.array_equal(
                after[..., 0], np.flip(before, [axis - 1 for axis in chosen])[..., 0]
            ):
                kinds.add(used)
                np.testing.assert_array_equal(after, mirrored(before, chosen))
    assert len(kinds) == 2 ** len(axes)


def mirrored(clip, axes):
    """Return [t, h, w, c] mirrored along axes of a batch; flow, encoded around 0.5, turns round."""
    clip = np.flip(clip, [axis - 1 for axis in axes]).copy()
    for axis, channel in ((3, 3), (2, 4)):
        if axis in axes and clip.shape[-1] == 5:
            clip[..., channel] = 1 - clip[..., channel]
    return clip


def test_turn_takes_each_quarter_turn_exactly():
    images = noise_images(64, 9, 9)
    turns = []
    for before, after in zip(images, augmented("turn", images), strict=True):
        matching = [k for k in range(4) if np.allclose(after, np.rot90(before, k), atol=1e-6)]
        assert len(matching) == 1
        turns += matching
    assert set(turns) == {0, 1, 2, 3}
    with pytest.raises(ValueError, match="square images, not 9 x 11"):
        augmented("turn", noise_images())


def test_whole_shift_repeats_the_border():
    images = noise_images(64)
    result = augmented("shift(1, whole=True)", images)
    offsets = set()
    for before, after in zip(images, result, strict=True):
        matches = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.allclose(after, shifted(before, down, right), atol=1e-6)
        ]
        assert len(matches) == 1
        offsets.update(matches)
    assert len(offsets) == 9


def test_sub_pixel_shift_moves_a_ramp_by_at_most_the_strength():
    """On a ramp of slope 0.05 a shift by d pixels changes inner values by 0.05 d."""
    ramp = np.tile(np.arange(20, dtype=np.float32) * 0.05, (200, 20, 1))[..., np.newaxis]
    inner = (augmented("shift(2)", ramp) - ramp)[:, 3:-3, 3:-3, 0] / 0.05
    distances = inner[:, 0, 0]
    np.testing.assert_allclose(
        inner, np.broadcast_to(distances[:, None, None], inner.shape), atol=1e-4
    )
    assert np.abs(distances).max() <= 2
    assert distances.min() < -1.8
    assert distances.max() > 1.8


def test_rotation_turns_about_the_centre():
    """A bright pixel at radius 10 stays at that radius, at most the stated angle away."""
    images = np.zeros((100, 41, 41, 1), np.float32)
    images[:, 20, 30] = 1
    result = augmented("rotate(30)", images)[..., 0]
    mass = result.sum(axis=(1, 2))
    grid = np.arange(41) - 20
    x = (result * grid).sum(axis=(1, 2)) / mass
    y = (result * grid[:, np.newaxis]).sum(axis=(1, 2)) / mass
    np.testing.assert_allclose(np.hypot(x, y), 10, atol=0.3)
    angles = np.degrees(np.arctan2(y, x))
    assert 25 < angles.max() < 31
    assert -31 < angles.min() < -25


def test_scale_enlarges_about_the_centre():
    """On a ramp through the centre a magnification m divides the slope by m."""
    ramp = np.tile(np.linspace(0, 1, 21, dtype=np.float32), (200, 21, 1))[..., np.newaxis]
    result = augmented("scale(0.2)", ramp)[:, 10, :, 0]
    np.testing.assert_allclose(result[:, 10], 0.5, atol=1e-5)
    factors = 0.05 / (result[:, 11] - result[:, 10])
    assert 0.8 <= factors.min() < 0.84
    assert 1.16 < factors.max() <= 1.2001


def test_geometric_operations_compose_into_one_warp():
    """Flip after a shift: the same as the shift of the image, then mirrored."""
    images = noise_images(8)
    shift_only = augmented("shift(2, whole=True)", images)
    np.testing.assert_allclose(
        augmented("shift(2, whole=True)|flip(1)", images), shift_only[:, :, ::-1], atol=1e-5
    )


@pytest.mark.parametrize("per_channel", [False, True])
def test_brightness_adds_one_value(per_channel):
    images = noise_images(100) * 0.4 + 0.3
    change = augmented(f"brightness(0.2, per_channel={per_channel})", images) - images
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1, :1], change.shape), atol=1e-6)
    assert (np.ptp(change[:, 0, 0], axis=-1) > 1e-3).any() == per_channel
    assert 0.17 < np.abs(change).max() <= 0.2001


@pytest.mark.parametrize("per_channel", [False, True])
def test_contrast_scales_distances_from_the_mean(per_channel):
    images = noise_images(100) * 0.4 + 0.3
    result = augmented(f"contrast(0.3, per_channel={per_channel})", images)
    axes = (1, 2) if per_channel else (1, 2, 3)
    mean = images.mean(axis=axes, keepdims=True)
    np.testing.assert_allclose(result.mean(axis=axes, keepdims=True), mean, atol=1e-5)
    factors = (result - mean).std(axis=axes) / (images - mean).std(axis=axes)
    assert 0.7 <= factors.min() < 0.75
    assert 1.25 < factors.max() <= 1.3001
    np.testing.assert_allclose(
        result - mean, (images - mean) * factors.reshape(mean.shape), atol=1e-5
    )


def test_gamma():
    images = np.full((200, 2, 2, 1), 0.5, np.float32)
    exponents = np.log(augmented("gamma(0.5)", images)[:, 0, 0, 0]) / np.log(0.5)
    assert 1 / 1.5 <= exponents.min() < 0.7
    assert 1.4 < exponents.max() <= 1.5001
    assert 0.4 < (exponents < 1).mean() < 0.6


@pytest.mark.parametrize("per_channel", [False, True])
def test_noise_leaves_gray_gray_unless_drawn_per_channel(per_channel):
    images = np.full((4, 64, 64, 3), 0.5, np.float32)
    change = augmented(f"noise(0.03, per_channel={per_channel})", images) - 0.5
    assert change.std() == pytest.approx(0.03, rel=0.03)
    assert (np.ptp(change, axis=-1) == 0).all() != per_channel


def test_cutout_fills_a_square_with_the_mean_colour():
    images = noise_images(200, 12, 12)
    result = augmented("cutout(4)", images)
    for before, after in zip(images, result, strict=True):
        changed = (before != after).any(axis=-1)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert 2 <= len(rows) <= 4
        assert 2 <= len(columns) <= 4
        assert changed[np.ix_(rows, columns)].all()
        filled = after[changed]
        np.testing.assert_allclose(
            filled, np.tile(before.mean((0, 1)), (len(filled), 1)), atol=1e-5
        )
    assert (result != images).any(axis=(0, 3)).all()


def test_mixup_shares_follow_the_beta_distribution():
    """Beta(a, a) has the variance 1 / (4 (2 a + 1))."""
    for alpha in (0.2, 1.0, 4.0):
        shares = AUGMENTATIONS.get("mixup")(alpha).shares(20000, SEED).numpy()
        assert shares.mean() == pytest.approx(0.5, abs=0.01)
        assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    assert np.isfinite(AUGMENTATIONS.get("mixup")(0.01).shares(20000, SEED)).all()


def test_gain_multiplies_each_image_by_one_factor():
    images = noise_images(64) * 0.5
    factors = augmented("gain(0.3)", images) / images
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1, :1, :1], images.shape), 1e-4)
    assert 0.7 <= factors.min() < 0.8 and 1.2 < factors.max() <= 1.3


def test_nearest_invents_no_values():
    """Turned and stretched with `nearest`, an image holds only values that it had before."""
    images = noise_images(4)
    for before, after in zip(
        images, augmented("nearest|rotate(30)|scale(0.3)", images), strict=True
    ):
        assert not np.array_equal(before, after)
        assert np.isin(after, before).all()


def test_aspect_widens_a_square_and_lowers_it_by_the_same_factor():
    """A white square of side 20 becomes w by 400 / w, with w / (400 / w) of at most 1.5."""
    square = np.zeros((64, 60, 60, 1), np.float32)
    square[:, 20:40, 20:40] = 1
    result = augmented("aspect(0.5)", square)[..., 0]
    widths, heights = result[:, 30].sum(axis=1), result[:, :, 30].sum(axis=1)
    np.testing.assert_allclose(widths * heights, 400, rtol=0.02)
    ratios = widths / heights
    assert 1 / 1.55 < ratios.min() < 0.75 and 1.35 < ratios.max() < 1.55
