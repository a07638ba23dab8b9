"""make_dataset with clips: frames, caches, determinism, bad files, augmentation."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError
from tests.data.clip_files import moving_bar, write_video

COUNT = 6


@pytest.fixture
def manifest(tmp_path):
    """Six array clips whose green is 10 x the row and whose red is 8 x the frame's number."""
    folder = tmp_path / "größe 像"
    folder.mkdir()
    rows = []
    for row in range(COUNT):
        frames = moving_bar(10 + row, 8, 8)
        frames[..., 1] = 10 * row
        path = folder / f"{row}.npz"
        np.savez_compressed(path, frames=frames)
        rows.append({"path": str(path), "action": row % 3, "age": 20.0 + row})
    table = pd.DataFrame(rows)
    table["action"] = table["action"].astype("Int64")
    table.loc[4, "action"] = pd.NA
    return table


def _reds(images):
    return np.rint(np.asarray(images)[:, :, 0, 0, 0] * 255 / 8).astype(int)


def _rows(images):
    return np.rint(np.asarray(images)[:, 0, 0, 0, 1] * 25.5).astype(int)


def _all(dataset):
    return np.concatenate([images for images, *_ in dataset.as_numpy_iterator()])


def test_frames_labels_and_weights(manifest):
    dataset = make_dataset(
        manifest, ["action", "age"], degrade="area(4)", clip="uniform(5)", batch_size=4
    )
    assert len(dataset) == 2
    batches = list(dataset.as_numpy_iterator())
    assert [images.shape for images, *_ in batches] == [(4, 5, 4, 4, 3), (2, 5, 4, 4, 3)]
    assert dataset.element_spec[0].shape.as_list() == [None, 5, 4, 4, 3]
    np.testing.assert_array_equal(_reds(batches[0][0])[0], [1, 3, 5, 7, 9])
    np.testing.assert_array_equal(_rows(batches[1][0]), [4, 5])
    np.testing.assert_array_equal(batches[1][1]["action"], [0, 2])
    np.testing.assert_array_equal(batches[1][2]["action"], [0, 1])


def test_parts_of_files_and_images_and_videos_in_one_batch(manifest, tmp_path):
    image = tmp_path / "ü.png"
    image.write_bytes(cv2.imencode(".png", np.full((9, 7, 3), 80, np.uint8))[1].tobytes())
    video = write_video(tmp_path / "写.avi", moving_bar(12))
    table = pd.DataFrame({"path": [manifest["path"][0], manifest["path"][0], image, video]})
    table["start"] = pd.array([2, None, None, 9], "Int64")
    table["stop"] = pd.array([4, 3, None, 40], "Int64")
    options = {"degrade": "area(2)", "clip": "first(4)"}
    for cache in ("memory", "none"):
        clips = _all(make_dataset(table, cache=cache, **options))
        np.testing.assert_array_equal(
            _reds(clips), [[2, 3, 3, 3], [0, 1, 2, 2], [10] * 4, [9, 10, 11, 11]]
        )


def test_cached_is_as_streamed(manifest, tmp_path):
    options = {"degrade": "blur(1)|area(4)", "clip": "dense(3, 2)", "training": True, "seed": 2}
    plain = _all(make_dataset(manifest, cache="none", **options))
    for cache in ("memory", "disk", "disk"):  # the second time the disk cache is there already
        dataset = make_dataset(manifest, cache=cache, cache_dir=tmp_path / "cache", **options)
        np.testing.assert_array_equal(_all(dataset), plain)


def test_the_disk_cache_tells_samplings_and_parts_apart(manifest, tmp_path):
    options = {"degrade": "area(4)", "cache": "disk", "cache_dir": tmp_path / "cache"}
    first = _reds(_all(make_dataset(manifest, clip="first(3)", **options)))
    even = _reds(_all(make_dataset(manifest, clip="uniform(4)", **options)))
    part = _reds(_all(make_dataset(manifest.assign(start=3), clip="first(3)", **options)))
    # The middles of four parts of ten frames are at 1.25, 3.75, 6.25 and 8.75.
    assert first[0].tolist() == [0, 1, 2] and even[0].tolist() == [1, 3, 6, 8]
    assert part[0].tolist() == [3, 4, 5]


@pytest.mark.parametrize("clip", ["random(3, 2)", "first(3)"])
def test_randomness_depends_on_seed_epoch_and_row_alone(manifest, clip):
    def dataset(batch_size, **options):
        options |= {"degrade": "area(4)|noise(0.02)", "clip": clip, "batch_size": batch_size}
        return make_dataset(manifest, training=True, **options)

    def clips(dataset):
        result = _all(dataset)
        return result[np.argsort(result[:, 0, :, :, 1].mean((1, 2)))]

    twos = dataset(2)
    first, second = clips(twos), clips(twos)
    np.testing.assert_array_equal(clips(dataset(5, first_epoch=1)), second)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, clips(dataset(2, seed=1)))


def test_a_random_recipe_gives_all_frames_the_same_noise(manifest):
    frames = np.full((9, 8, 8), 128, np.uint8)
    for path in manifest["path"]:
        np.savez(path, frames=frames)
    clips = _all(make_dataset(manifest, degrade="area(8)|noise(0.1)", clip="uniform(4)"))
    assert clips.std(axis=(2, 3, 4)).min() > 0.05
    np.testing.assert_array_equal(clips, np.repeat(clips[:, :1], 4, axis=1))
    assert not np.array_equal(clips[0], clips[1])


def test_augmentation_draws_once_a_clip(manifest):
    options = {"degrade": "area(4)", "clip": "uniform(4)", "training": True}
    plain = _all(make_dataset(manifest, **options))
    for at in ("lr", "hr"):
        dataset = make_dataset(manifest, augment=f'brightness(0.2, at="{at}")', **options)
        change = _all(dataset)[..., 2] - plain[..., 2]  # blue, which is never clipped
        expected = np.broadcast_to(change[:, :1, :1, :1], change.shape)
        np.testing.assert_allclose(change, expected, atol=1e-6)
        assert len(set(np.round(change[:, 0, 0, 0], 4))) == COUNT


def test_mixup_mixes_clips_and_labels_in_the_same_shares(manifest):
    dataset = make_dataset(
        manifest,
        ["age", "action"],
        degrade="area(4)",
        clip="first(3)",
        training=True,
        augment="mixup(1)",
        batch_size=COUNT,
    )
    images, labels, weights = next(dataset.as_numpy_iterator())
    # Green is 10 x the row and the age 20 + row.
    np.testing.assert_allclose(images[:, 1, 0, 0, 1] * 25.5, labels["age"] - 20, atol=1e-4)
    assert labels["action"].shape == (COUNT, 3)
    assert set(weights["action"]) <= {0.0, 1.0}


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_bad_clips_are_skipped_and_named(manifest, cache, tmp_path):
    broken, ends, image = manifest["path"][1], manifest["path"][3], tmp_path / "cut.png"
    with Path(broken).open("r+b") as file:
        file.truncate(60)
    manifest["start"] = pd.array([None, None, None, 50, None, None], "Int64")
    image.write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()[:40])
    manifest.loc[5, "path"] = str(image)
    found = BadFiles(COUNT, budget=0.5)
    dataset = make_dataset(
        manifest, degrade="area(4)", clip="first(3)", batch_size=1, cache=cache, bad_files=found
    )
    assert _rows(_all(dataset)).tolist() == [0, 2, 4]
    assert set(found.reasons) == {broken, ends, str(image)}
    assert "cannot be read" in found.reasons[broken]
    assert "start 50 is beyond the end: the file has 13 frames" in found.reasons[ends]
    assert "PNG" in found.reasons[str(image)]


def test_a_video_without_clip_is_a_bad_file_that_says_so(tmp_path):
    video = write_video(tmp_path / "a.avi", moving_bar(3))
    np.savez(tmp_path / "a.npz", frames=moving_bar(3))
    for path in (video, tmp_path / "a.npz"):
        with pytest.raises(InputError, match=r"a\.(avi: a video|npz: an .npz file .*): use clip="):
            make_dataset(pd.DataFrame({"path": [str(path)]}), degrade="area(4)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": "evenly(3)"}, "unknown clip sampling 'evenly'"),
        ({"degrade": "area(4, 6)", "augment": "turn", "training": True}, "gives 4 x 6"),
    ],
)
def test_unusable_options_are_named(manifest, options, message):
    with pytest.raises(InputError, match=message):
        make_dataset(manifest, **{"degrade": "area(4)", "clip": "first(2)", **options})
