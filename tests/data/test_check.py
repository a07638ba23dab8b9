"""check_files: every bad file is named once, with its row and the reason."""

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.check import check_files
from mtl_lowres.data.manifest import read_manifest
from tests.data.clip_files import moving_bar, write_video
from tests.ugly_files import write_ugly_files


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_ugly_folder(tmp_path, workers, capfd):
    folder = tmp_path / "häßlich 像"
    decodes = write_ugly_files(folder)
    names = list(decodes)
    pd.DataFrame({"path": [*names, names[0]]}).to_csv(folder / "m.csv", index=False)
    bad = check_files(read_manifest(folder / "m.csv"), workers=workers, progress=False)
    expected = [name for name in names if not decodes[name]]
    assert bad["path"].tolist() == [str(folder / name) for name in expected]
    assert bad["row"].tolist() == [names.index(name) + 2 for name in expected]
    assert bad["reason"].str.len().min() > 5
    assert "decode" not in capfd.readouterr().err


def test_rows_of_a_frame_and_an_empty_one(tmp_path):
    manifest = pd.DataFrame({"path": [str(tmp_path / "none.png")] * 2}, index=[5, 6])
    bad = check_files(manifest, progress=False)
    assert bad.to_dict("records") == [
        {"path": str(tmp_path / "none.png"), "row": 0, "reason": "no such file"}
    ]
    assert list(check_files(manifest[:0], progress=False).columns) == ["path", "row", "reason"]


def test_clips_and_parts_of_them(tmp_path):
    write_video(tmp_path / "ü.avi", moving_bar(9))
    write_video(tmp_path / "none.avi", moving_bar(0))
    np.save(tmp_path / "clip.npy", moving_bar(5))
    np.save(tmp_path / "image.npy", moving_bar(1)[0])
    np.savez(tmp_path / "two.npz", a=[1], b=[2])
    names = ["ü.avi", "ü.avi", "ü.avi", "none.avi", "clip.npy", "image.npy", "two.npz"]
    manifest = pd.DataFrame({"path": [str(tmp_path / name) for name in names]})
    manifest["start"] = pd.array([None, 3, 9, None, None, None, None], "Int64")
    bad = check_files(manifest, progress=False)
    assert bad["row"].tolist() == [2, 3, 6]
    assert bad["reason"][0] == "start 9 is beyond the end: the file has 9 frames"
    assert bad["reason"][1] == "a video without frames"
    assert list(bad.columns) == ["path", "row", "reason"]
