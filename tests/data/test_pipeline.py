"""make_dataset: order, labels, weights, caching, bad files, augmentation."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError

COUNT = 10


@pytest.fixture
def manifest(tmp_path):
    """Ten 8x8 gray images of value 10 * row, with missing labels and a non-ASCII folder."""
    folder = tmp_path / "größe 像"
    folder.mkdir()
    rows = []
    for row in range(COUNT):
        path = folder / f"{row}.png"
        path.write_bytes(cv2.imencode(".png", np.full((8, 8, 3), 10 * row, np.uint8))[1].tobytes())
        rows.append({"path": str(path), "posture": row % 3, "age": 20.5 + row})
    table = pd.DataFrame(rows)
    table["posture"] = table["posture"].astype("Int64")
    table.loc[4, "posture"] = pd.NA
    table.loc[5, "age"] = np.nan
    return table


def _values(dataset):
    """The gray value of each image, in the order in which they come."""
    return np.concatenate([np.rint(x[:, 0, 0, 0] * 255) for x, *_ in dataset.as_numpy_iterator()])


def test_rows_come_in_order_with_labels_and_weights(manifest):
    dataset = make_dataset(manifest, ["posture", "age"], degrade="area(4)", batch_size=4)
    batches = list(dataset.as_numpy_iterator())
    assert [x.shape for x, *_ in batches] == [(4, 4, 4, 3), (4, 4, 4, 3), (2, 4, 4, 3)]
    assert len(dataset) == 3
    images, labels, weights = batches[1]
    np.testing.assert_allclose(images[:, 0, 0, 0] * 255, [40, 50, 60, 70], atol=1e-4)
    np.testing.assert_array_equal(labels["posture"], [0, 5 % 3, 0, 1])
    np.testing.assert_array_equal(weights["posture"], [0, 1, 1, 1])
    np.testing.assert_array_equal(labels["age"], [24.5, 0, 26.5, 27.5])
    np.testing.assert_array_equal(weights["age"], [1, 0, 1, 1])


def test_each_training_epoch_has_its_own_order_and_resumes_by_number(manifest):
    options = {"degrade": "area(4)", "batch_size": 4, "training": True, "seed": 3}
    dataset = make_dataset(manifest, **options)
    first, second = _values(dataset), _values(dataset)
    assert sorted(first) == sorted(second) == [10 * row for row in range(COUNT)]
    assert not np.array_equal(first, second)
    resumed = make_dataset(manifest, first_epoch=1, **options)
    np.testing.assert_array_equal(_values(resumed), second)


def test_caches_give_the_same_batches(manifest, tmp_path):
    options = {"degrade": "area(4)", "batch_size": 3, "training": True, "seed": 1}
    plain = _values(make_dataset(manifest, cache="none", **options))
    for cache in ("memory", "disk", "disk"):  # the second time the disk cache is there already
        dataset = make_dataset(manifest, cache=cache, cache_dir=tmp_path / "cache", **options)
        np.testing.assert_array_equal(_values(dataset), plain)


def test_disk_cache_notices_a_changed_file(manifest, tmp_path):
    options = {"degrade": "area(4)", "cache": "disk", "cache_dir": tmp_path / "cache"}
    make_dataset(manifest, **options)
    changed = np.full((9, 9, 3), 200, np.uint8)
    Path(manifest["path"][0]).write_bytes(cv2.imencode(".png", changed)[1].tobytes())
    assert _values(make_dataset(manifest, **options))[0] == 200


def test_random_degradation_depends_on_seed_epoch_and_row_alone(manifest):
    def dataset(batch_size, **options):
        options |= {"degrade": "area(4)|noise(0.1)", "batch_size": batch_size, "training": True}
        return make_dataset(manifest, **options)

    def pixels(dataset):
        images = np.concatenate([x for x, *_ in dataset.as_numpy_iterator()])
        return images[np.lexsort(images.reshape(COUNT, -1).T)]

    threes = dataset(3)
    first, second = pixels(threes), pixels(threes)
    np.testing.assert_array_equal(pixels(dataset(7, first_epoch=1)), second)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, pixels(dataset(3, seed=1)))


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_bad_files_are_skipped_and_named(manifest, cache):
    bad = manifest["path"][2]
    Path(bad).write_bytes(b"not an image")
    found = BadFiles(COUNT, budget=0.2)
    # With a batch of one, a batch consists of the bad file alone.
    dataset = make_dataset(manifest, degrade="area(4)", batch_size=1, cache=cache, bad_files=found)
    assert sorted(_values(dataset)) == [10 * row for row in range(COUNT) if row != 2]
    assert list(found.to_frame()["path"]) == [bad]
    assert "not an image" in found.reasons[bad]


def test_a_batch_of_bad_files_alone_is_a_blank_in_training(manifest):
    Path(manifest["path"][2]).write_bytes(b"not an image")
    options = {"degrade": "area(4)", "batch_size": 1, "cache": "none", "training": True}
    options |= {"augment": "flip(0.5)", "bad_files": BadFiles(COUNT, budget=0.2)}
    dataset = make_dataset(manifest, ["posture", "age"], **options)
    assert dataset.cardinality() == COUNT  # so that fit goes through one iterator
    batches = list(dataset.as_numpy_iterator())
    blank = [batch for batch in batches if not any(w.any() for w in batch[2].values())]
    assert len(batches) == COUNT
    assert not any(values.any() for values in (blank[-1][0], *blank[-1][1].values()))
    assert blank[-1][0].shape == (1, 4, 4, 3)


def test_too_many_bad_files_end_in_one_line(manifest):
    manifest.loc[3, "path"] = "gone.png"
    with pytest.raises(InputError, match=r"1 of 10 files cannot be used.*gone.png: no such file"):
        make_dataset(manifest, degrade="area(4)")
    streamed = BadFiles(COUNT)
    with pytest.raises(Exception, match="gone.png"):
        list(make_dataset(manifest, degrade="area(4)", cache="none", bad_files=streamed))
    assert isinstance(streamed.error, InputError)


def test_only_bad_files_is_an_error(manifest):
    with pytest.raises(InputError, match="none of the 1 files"):
        make_dataset(
            manifest.head(1).assign(path="gone.png"),
            degrade="area(4)",
            bad_files=BadFiles(1, budget=1.0),
        )


def test_mixup_yields_distributions_and_drops_pairs_without_label(manifest):
    dataset = make_dataset(
        manifest,
        ["posture", "age"],
        degrade="area(4)",
        batch_size=COUNT,
        training=True,
        augment="mixup(0.5)",
        classes={"posture": 4},
    )
    images, labels, weights = next(dataset.as_numpy_iterator())
    assert labels["posture"].shape == (COUNT, 4)
    np.testing.assert_allclose(labels["posture"].sum(1), 1, atol=1e-6)
    assert set(np.unique(weights["posture"])) <= {0.0, 1.0}
    assert 1 <= (weights["posture"] == 0).sum() <= 2
    assert images.min() >= 0 and images.max() <= 90 / 255 + 1e-6


def test_augmentation_repeats_with_the_seed_and_changes_with_the_epoch(manifest):
    options = {
        "degrade": "area(8)",
        "batch_size": 5,
        "training": True,
        "augment": "brightness(0.2)",
    }
    dataset = make_dataset(manifest, **options)
    first, second = (np.concatenate([x for x, *_ in dataset]) for _ in range(2))
    again = np.concatenate([x for x, *_ in make_dataset(manifest, **options)])
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(np.sort(first.ravel()), np.sort(second.ravel()))


def test_augmentation_at_high_resolution_comes_before_the_degradation(manifest):
    """Two gray levels are left by quantize(2), whatever the brightness before it."""
    options = {"degrade": "area(1)|quantize(2)", "batch_size": COUNT, "training": True}
    bright = "brightness(0.5, at='hr')"
    dataset = make_dataset(manifest, augment=bright, **options)
    first, second = np.sort(_values(dataset)), np.sort(_values(dataset))
    assert set(first) | set(second) == {0, 255}
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache": "ram"}, "cache must be 'memory', 'disk' or 'none', not 'ram'"),
        ({"cache": "disk"}, "needs cache_dir"),
        ({"augment": "flip(0.5)"}, "training=True only"),
        ({"degrade": "blur(1)"}, "does not fix the size"),
        ({"tasks": ["mood"]}, "no column 'mood'"),
    ],
)
def test_unusable_options_are_named(manifest, options, message):
    with pytest.raises(InputError, match=message):
        make_dataset(manifest, **{"degrade": "area(4)", **options})


def test_empty_manifest_is_an_error(manifest):
    with pytest.raises(InputError, match="no rows"):
        make_dataset(manifest.head(0), degrade="area(4)")


def test_one_sample(manifest):
    dataset = make_dataset(manifest.head(1), ["posture"], degrade="area(4)", training=True)
    ((images, labels, weights),) = list(dataset.as_numpy_iterator())
    assert images.shape == (1, 4, 4, 3)
    assert labels["posture"] == [0] and weights["posture"] == [1]


def test_fast_decode_stays_close_to_exact(tmp_path):
    """480x480 JPEG to 16x16: at least 38 dB of the exact result."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 255, (30, 30, 3), np.uint8), (480, 480))
    path = tmp_path / "large.jpg"
    path.write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
    table = pd.DataFrame({"path": [str(path)]})
    exact, fast = (
        next(make_dataset(table, degrade="area(16)", fast_decode=f).as_numpy_iterator())[0]
        for f in (False, True)
    )
    error = np.mean((exact - fast) ** 2)
    assert 0 < error < 10 ** (-38 / 10)
