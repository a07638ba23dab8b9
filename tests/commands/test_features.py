"""features, through the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import mtl_lowres as mtl
from mtl_lowres.cli import main
from mtl_lowres.data.manifest import write_manifest

RECIPES = ["--hr", "area(8)", "--degrade", "area(4)|bicubic(8)", "--degrade", "area(2)|bicubic(8)"]


def _run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder(bars, tmp_path_factory):
    folder = tmp_path_factory.mktemp("Merkmale ü")
    # One bad file of 107 is within the budget of 1 %.
    rows = [bars.head(1).assign(path="gone.png"), bars, bars.head(10)]
    write_manifest(pd.concat(rows, ignore_index=True), folder / "m.csv")
    trunk = "backbone(backbone='steadynet(filters=(4, 6, 8))')"
    done = _run("build", trunk, folder / "model", "--degrade", "area(8)")
    assert done.exit_code == 0, done.output
    return folder


def test_features_of_two_resolutions(folder):
    out, result = folder / "store", folder / "r.json"
    command = ["features", folder / "model", out, "--manifest", folder / "m.csv"]
    done = _run(*command, *RECIPES, "--json", result)
    assert done.exit_code == 0, done.output
    assert "106 images, 8 numbers each" in done.output
    last_line = done.stderr.strip().splitlines()[-1]
    assert "left out: 1, the first" in last_line and "gone.png: no such file" in last_line
    store = mtl.open_features(out)
    assert list(store.lr) == RECIPES[3::2]
    assert store.hr.shape == (1, 106, 8) and np.isfinite(store.hr).all()
    answer = json.loads(result.read_text(encoding="utf-8"))
    assert answer["rows"] == 106 and answer["width"] == 8 and answer["settings"] == store.settings

    done = _run(*command, *RECIPES[:4])
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"mtl-lowres: {out} was made with degrade=['area(4)|bicubic(8)', 'area(")
