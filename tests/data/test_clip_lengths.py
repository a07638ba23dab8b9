"""Lengths are those of the files, or of the parts that rows name."""

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.clip_lengths import clip_lengths
from tests.data.clip_files import moving_bar, write_video


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("längen ü")
    write_video(folder / "video.avi", moving_bar(9))
    np.save(folder / "array.npy", moving_bar(7))
    np.savez(folder / "array.npz", frames=moving_bar(5))
    cv2.imwrite(str(folder / "image.png"), moving_bar(1)[0])
    (folder / "broken.avi").write_bytes(b"RIFF")
    (folder / "cut.npy").write_bytes((folder / "array.npy").read_bytes()[:200])
    return folder


def _lengths(folder, clip="uniform(4)", **columns):
    rows = pd.DataFrame(columns)
    rows["path"] = [str(folder / name) for name in rows["path"]]
    return clip_lengths(rows, clip).tolist()


def test_every_kind_of_file(files):
    names = ["video.avi", "array.npy", "array.npz", "image.png", "video.avi"]
    assert _lengths(files, path=names) == [9, 7, 5, 1, 9]


def test_what_cannot_be_read_has_no_length(files):
    assert np.isnan(_lengths(files, path=["broken.avi", "gone.avi", "cut.npy"])).all()


def test_parts_of_files(files):
    """A row that names both ends is not asked about; NaN and a start beyond the end."""
    lengths = _lengths(
        files,
        path=["video.avi", "video.avi", "gone.avi", "array.npy"],
        start=[2, np.nan, 10, 8],
        stop=[np.nan, 4, 25, np.nan],
    )
    np.testing.assert_array_equal(lengths, [7, 4, 15, np.nan])


def test_stored_features_are_counted_in_units(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((6, 8), np.float32))
    lengths = _lengths(tmp_path, "units(4, 8)", path=["a.npy", "gone.npy"])
    np.testing.assert_array_equal(lengths, [6, np.nan])


def test_no_rows(tmp_path):
    assert _lengths(tmp_path, path=[]) == []
