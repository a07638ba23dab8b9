"""flow, through the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.manifest import read_manifest, write_manifest


def _run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def manifest_csv(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (5, 24, 32), np.uint8)
    paths = [tmp_path / f"Videos ü/{number}.npy" for number in range(4)]
    paths[0].parent.mkdir()
    for path in paths:
        np.save(path, frames)
    paths[3].write_bytes(b"")
    rows = pd.DataFrame({"path": [str(path) for path in [*paths, paths[0]]], "action": 0})
    write_manifest(rows, tmp_path / "m.csv")
    return tmp_path / "m.csv"


def test_flow_of_a_manifest(manifest_csv, tmp_path):
    out, result = tmp_path / "Fluss", tmp_path / "r.json"
    command = ["flow", "--manifest", manifest_csv, "--out", out, "--method", "dis(3)"]
    command += ["--degrade", "area(12,16)"]
    done = _run(*command)
    assert done.exit_code == 2
    assert "1 of 4 files cannot be used" in done.stderr.strip().splitlines()[-1]
    done = _run(*command, "--bad-file-budget", 0.25, "--json", result)
    assert done.exit_code == 0, done.output
    assert f"flow: {out} (3 files, 4 rows in manifest.csv)" in done.output
    assert "3.npy: empty file (0 bytes)" in done.stderr.strip().splitlines()[-1]
    answer = json.loads(result.read_text(encoding="utf-8"))
    assert answer["rows"] == 4 and answer["files"] == 3 and len(answer["bad_files"]) == 1
    assert np.load(read_manifest(out / "manifest.csv")["flow"].iloc[3]).shape == (5, 12, 16, 2)

    done = _run(*command[:-1], "area(8)", "--bad-file-budget", 0.25)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith("name another folder, or delete this one")


def test_the_methods_are_listed():
    assert _run("list", "flows").output.split() == ["dis", "farneback", "stored", "tvl1"]
