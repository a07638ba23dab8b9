"""evaluate, sweep and calibrate on the command line."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.manifest import write_manifest
from mtl_lowres.model import load_model, save_model
from tests.toy_people import draw_people, people_model, spare_pipeline, toy_trunk


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two folders as runs leave them, one with the manifest of its rows."""
    root = tmp_path_factory.mktemp("läufe")
    with toy_trunk():
        for seed, name in enumerate(["eins ü", "zwei"]):
            save_model(people_model(seed), root / name / "model")
        write_manifest(draw_people(root / "bilder"), root / "eins ü" / "manifest.csv")
        yield root


def _run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_sweep(runs, tmp_path):
    done = _run(
        *("sweep", runs / "eins ü", runs / "zwei" / "model", "--sizes", "8,4x6"),
        *("--manifest", runs / "eins ü" / "manifest.csv", "--split", "val"),
        *("--out", tmp_path / "größen", "--json", tmp_path / "r.json"),
    )
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "größen" / "sweep.csv")
    assert set(table["run"]) == {"eins ü", "zwei"} and len(table) == 2 * 2 * 2
    assert set(zip(table["height"], table["width"], strict=True)) == {(8, 8), (4, 6)}
    assert "macro_f1" in done.stdout and "4x6" in done.stdout
    assert (tmp_path / "größen" / "sweep.html").stat().st_size > 100_000
    rows = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["rows"]
    assert [row["value"] for row in rows] == pytest.approx(table["value"])


def test_calibrate_on_the_rows_of_the_run(runs, tmp_path):
    result = tmp_path / "c.json"
    done = _run("calibrate", runs / "eins ü", "--sizes", "8,4", "--far", "0.05", "--json", result)
    assert done.exit_code == 0, done.output
    for word in ("ece_before", "ece_after", "8x8", "4x4", "threshold of face"):
        assert word in done.stdout
    fitted = json.loads(result.read_text(encoding="utf-8"))["calibration"]
    assert load_model(runs / "eins ü").description["calibration"] == fitted
    assert [entry["size"] for entry in fitted["temperature"]["posture"]] == [[8, 8], [4, 4]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["calibrate", "zwei"], "without a manifest.csv"),
        (["calibrate", "gone"], "gone"),
        (
            ["evaluate", "zwei", "--manifest", "eins ü/manifest.csv", "--views", "2"],
            "views=2 are of clips",
        ),
        (["calibrate", "eins ü", "--sizes", "acht"], "size 'acht'"),
        (["calibrate", "eins ü", "--far", "0.0001"], "at least 10000 pairs"),
        (["sweep", "zwei", "--sizes", "8", "--out", "s"], "give --manifest"),
        (
            *(
                ["sweep", "zwei", "--sizes", "8", "--out", "s", "--split", "test"]
                + ["--manifest", "eins ü/manifest.csv"],
            ),
            "'test'",
        ),
        (
            *(
                ["sweep", "zwei", "--sizes", "8", "--out", "s", "--kernels", "aera"]
                + ["--manifest", "eins ü/manifest.csv"],
            ),
            "unknown kernel 'aera'",
        ),
    ],
)
def test_errors_are_one_line_and_change_nothing(runs, monkeypatch, arguments, message):
    monkeypatch.chdir(runs)
    spare_pipeline(monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    done = _run(*arguments)
    assert done.exit_code == 2, done.output
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("mtl-lowres: ") and message in line
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before
