"""Random sub-pixel motions, one draw a clip."""

import numpy as np
import pytest

from mtl_lowres.data.degrade import parse_recipe, sample_seed
from mtl_lowres.errors import InputError

# Value x / 100 + y / 50: a motion by (dx, dy) adds dx / 100 + dy / 50 away from the borders.
Y, X = np.mgrid[:12, :16].astype(np.float32)
RAMPS = np.stack([0.3 + X / 100, 0.3 + Y / 50, np.full_like(X, 0.5)], axis=-1)
INSIDE = (slice(4, -4), slice(4, -4))


def _motion(image):
    """Return (dx, dy) of a moved ramp in pixels."""
    change = (image - RAMPS)[INSIDE]
    assert np.ptp(change, axis=(0, 1)).max() < 1e-5
    return change[0, 0, 0] * 100, change[0, 0, 1] * 50


def _seeds(count):
    return [sample_seed(0, 0, row) for row in range(count)]


def test_moves_by_fractions_of_a_pixel_within_the_range():
    recipe = parse_recipe("subpixel(shift=3)")
    motions = np.array([_motion(recipe(RAMPS, seed).numpy()) for seed in _seeds(60)])
    assert np.abs(motions).max() <= 3
    assert (motions.min(axis=0) < -2.5).all() and (motions.max(axis=0) > 2.5).all()
    assert np.abs(motions - np.round(motions)).mean() > 0.15  # evenly drawn: 0.25


def test_the_border_is_repeated():
    """Nothing beyond the range of the image comes in, as black would."""
    for seed in _seeds(10):
        moved = parse_recipe("subpixel(shift=5, scale=0.3, degrees=20)")(RAMPS, seed).numpy()
        assert moved.min() >= RAMPS.min() - 1e-6
        np.testing.assert_allclose(moved[..., 2], 0.5, atol=1e-6)


def test_scale_and_turn_are_about_the_centre():
    """A factor f shows slopes of 1 / f; a turn by a degrees mixes the slopes of x and y."""
    for seed in _seeds(5):
        scaled = parse_recipe("subpixel(shift=0, scale=0.2)")(RAMPS, seed).numpy()
        factors = np.diff(RAMPS[6, 4:12, 0]).mean() / np.diff(scaled[6, 4:12, 0]).mean()
        assert 0.8 - 1e-3 <= factors <= 1.2 + 1e-3
        assert scaled[5:7, 7:9, 0].mean() == pytest.approx(0.3 + 0.075, abs=1e-4)
        turned = parse_recipe("subpixel(shift=0, degrees=10)")(RAMPS, seed).numpy()
        across, along = np.diff(turned[6, 4:12, 1]).mean() * 50, np.diff(turned[5:7, 8, 1])[0] * 50
        assert abs(np.degrees(np.arctan2(across, along))) <= 10 + 1e-2
        assert np.hypot(across, along) == pytest.approx(1, abs=1e-3)


def test_all_frames_of_a_clip_move_alike_and_images_of_a_batch_do_not():
    recipe = parse_recipe("subpixel(2)|area(6, 8)")
    seed = sample_seed(1, 2, 3)
    frames = recipe.clip(np.stack([RAMPS, RAMPS]), seed).numpy()
    np.testing.assert_array_equal(frames[0], frames[1])
    first, second = recipe(np.stack([RAMPS, RAMPS]), seed).numpy()
    assert np.abs(first - second).max() > 1e-4


def test_fixed_transforms_are_the_same_wherever_they_are_used():
    batch = np.repeat(RAMPS[np.newaxis], 20, axis=0)
    met = []
    for seed in _seeds(2):
        recipe = parse_recipe("subpixel(shift=4, scale=0.1, degrees=3, transforms=3)")
        met.append({image.tobytes() for image in recipe(batch, seed).numpy()})
    assert len(met[0]) == 3 and met[0] == met[1]


def test_without_a_range_nothing_moves():
    moved = parse_recipe("subpixel(shift=0)")(RAMPS, sample_seed(0, 0, 0))
    np.testing.assert_allclose(moved, RAMPS, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("shift=-1", "shift must be a number of at least 0, got -1"),
        ("scale=1.5", "scale must be a number from 0 to 0.9, got 1.5"),
        ("degrees=200", "degrees .* got 200"),
        ("transforms=0.5", "transforms must be an integer"),
        ("angle=3", "unexpected keyword argument 'angle'"),
    ],
)
def test_unusable_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        parse_recipe(f"subpixel({arguments})|area(8)")
