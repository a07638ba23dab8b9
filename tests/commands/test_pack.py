"""pack, through the command line."""

import json

import cv2
import numpy as np
import pandas as pd
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.manifest import read_manifest, write_manifest


def test_pack_and_read(tmp_path):
    paths = [str(tmp_path / f"ü {number}.png") for number in range(3)]
    for path in paths[:2]:
        image = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1]
        image.tofile(path)
    write_manifest(pd.DataFrame({"path": paths, "age": [1.5, 2, 3]}), tmp_path / "m.csv")
    command = ["pack", "--manifest", str(tmp_path / "m.csv"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "1 of 3 files cannot be used" in done.stderr.strip().splitlines()[-1]
    command += ["--bad-file-budget", "0.4", "--json", str(tmp_path / "r.json")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "(2 images, 2 rows in manifest.csv)" in done.output
    assert done.stderr.strip().endswith("ü 2.png: no such file")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["images"] == 2
    assert read_manifest(tmp_path / "out" / "manifest.csv")["age"].tolist() == [1.5, 2]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert done.stderr.strip().endswith("name an absent or empty folder")
