"""check_files: every bad file is named once, with its row and the reason."""

import pandas as pd
import pytest

from mtl_lowres.data.check import check_files
from mtl_lowres.data.manifest import read_manifest
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
