"""Both resolutions of an image from one decode: recipes, augmentation, blending, bad files."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError

COUNT = 6


@pytest.fixture
def manifest(tmp_path):
    """Six 8x8 images, the left half of value 20 * row and the right half twice that."""
    folder = tmp_path / "größe 像"
    folder.mkdir()
    rows = []
    for row in range(COUNT):
        image = np.full((8, 8, 3), 20 * row, np.uint8)
        image[:, 4:] *= 2
        path = folder / f"{row}.png"
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        rows.append({"path": str(path), "posture": row % 2})
    return pd.DataFrame(rows)


def _images(manifest, **options):
    dataset = make_dataset(manifest, degrade="area(2)", hr="area(4)", **options)
    batches = [images for images, *_ in dataset.as_numpy_iterator()]
    return {size: np.concatenate([batch[size] for batch in batches]) for size in ("hr", "lr")}


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_low_resolution_is_made_of_the_high_one(manifest, tmp_path, cache):
    images = _images(manifest, batch_size=4, cache=cache, cache_dir=tmp_path / "cache")
    left = 20 * np.arange(COUNT) / 255
    assert images["hr"].shape == (COUNT, 4, 4, 3) and images["lr"].shape == (COUNT, 2, 2, 3)
    np.testing.assert_allclose(images["hr"][:, 3, 1, 0], left, atol=1e-6)
    np.testing.assert_allclose(images["hr"][:, 0, 2, 2], 2 * left, atol=1e-6)
    np.testing.assert_allclose(images["lr"][:, 1, 0, 0], left, atol=1e-6)
    np.testing.assert_allclose(images["lr"][:, 0, 1, 1], 2 * left, atol=1e-6)


def test_augmentation_at_high_resolution_is_seen_at_both_and_at_low_by_one(manifest):
    plain = _images(manifest)
    both = _images(manifest, training=True, augment='flip(1.0, at="hr")')
    one = _images(manifest, training=True, augment="flip(1.0)")
    for size in ("hr", "lr"):
        flipped = np.sort(plain[size][:, :, ::-1], axis=0)
        np.testing.assert_allclose(np.sort(both[size], axis=0), flipped, atol=1e-6)
    np.testing.assert_allclose(np.sort(one["hr"], axis=0), plain["hr"], atol=1e-6)
    np.testing.assert_allclose(np.sort(one["lr"], axis=0), plain["lr"][:, :, ::-1], atol=1e-6)


def test_blend_mixes_rows_alike_whatever_the_batch_and_spares_bad_partners(manifest):
    """Rows are multiples of one pattern, so a mixture is one, of a row's factor and another's."""
    Path(manifest["path"][5]).write_bytes(b"no image")
    options = {"training": True, "augment": "blend(1.0)", "bad_files": BadFiles(COUNT, 0.2)}
    images = _images(manifest, batch_size=2, **options)
    factors = images["hr"][:, 0, 0, 0] * 255 / 20
    assert len(factors) == COUNT - 1  # a partner that cannot be read costs no row
    assert (np.abs(factors - factors.round()) > 1e-3).any()
    assert factors.min() >= 0 and factors.max() <= 4 + 1e-3
    np.testing.assert_allclose(images["lr"][:, 0, 0], images["hr"][:, 0, 0], atol=1e-6)
    np.testing.assert_allclose(images["hr"][:, 0, 3], 2 * images["hr"][:, 0, 0], atol=1e-6)
    again = _images(manifest, batch_size=3, **options)  # with 5 the bad one may be a batch
    np.testing.assert_allclose(np.sort(again["hr"], 0), np.sort(images["hr"], 0), atol=1e-6)
    assert options["bad_files"].reasons.keys() == {manifest["path"][5]}


def test_blend_is_refused_where_labels_are_of_one_row(manifest):
    options = {"training": True, "augment": "blend(0.5)"}
    with pytest.raises(InputError, match="labels of posture are of one row"):
        make_dataset(manifest, ["posture"], degrade="area(2)", hr="area(4)", **options)
    with pytest.raises(InputError, match="no teacher is asked"):
        make_dataset(manifest, degrade="area(2)", **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('blend(0.5, at="lr")', "before they are degraded"),
        ("blend(2)", "probability must be"),
        ("blend(0.5, 0.6)", "least must be"),
        ("blend(0.5)|blend(0.5)", "twice"),
    ],
)
def test_unusable_blend_is_named(manifest, text, message):
    with pytest.raises(InputError, match=message):
        _images(manifest, training=True, augment=text)


def test_clips_come_at_both_sizes(manifest):
    images = _images(manifest, clip="uniform(3)")
    assert images["hr"].shape == (COUNT, 3, 4, 4, 3) and images["lr"].shape == (COUNT, 3, 2, 2, 3)
    np.testing.assert_array_equal(images["lr"][:, 0], images["lr"][:, 2])
