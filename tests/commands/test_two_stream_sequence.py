"""From AVI files in HMDB51's layout through flow and units to a trained two-stream network."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import mtl_lowres as mtl
from mtl_lowres.cli import main
from mtl_lowres.datasets import make_hmdb51

FLOW = ["--method", "farneback(3)", "--degrade", "area(12, 16)", "--format", "colours"]
LR, FLOW_LR = "area(12, 16)|bicubic(16)", "bicubic(16)"
# The third file is half written when the process is killed.
KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from mtl_lowres.cli import main
from mtl_lowres.training import flow_files

write_whole, written = flow_files._write_array, []

def write(array, path):
    write_whole(array, path)
    written.append(path)
    if len(written) == 3:
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

flow_files._write_array = write
main(sys.argv[1:])
"""


def _run(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done


def _flow_files(folder):
    return {file.relative_to(folder): file for file in sorted(folder.rglob("*.npy"))}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a generated set of three classes and its manifest."""
    work = tmp_path_factory.mktemp("two streams ü")
    options = {"actions": ("wave", "walk", "fall"), "people": 5, "takes": 1}
    make_hmdb51(work / "HMDB51", frames=(14, 24), size=32, **options)
    _run(
        *("manifest", "--dataset", "hmdb51", "--data", work / "HMDB51"),
        *("--option", "val=0.25", "--out", work / "videos.csv"),
    )
    return work


@pytest.fixture(scope="module")
def flow(work):
    """The folder of flow that was killed and gone on with, and what was there between."""
    command = ["flow", "--manifest", work / "videos.csv", *FLOW, "--workers", "1", "--out"]
    out = work / "flow"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, *map(str, [*command, out])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    between = {file: path.stat().st_mtime_ns for file, path in _flow_files(out).items()}
    assert not (out / "manifest.csv").exists()
    _run(*command, out)
    _run(*command, work / "flow at once")
    return out, between


def test_killed_flow_goes_on(work, flow):
    """What was finished stays untouched, and all is as if nothing had happened."""
    out, between = flow
    finished = [file for file in between if not file.name.startswith(".")]
    assert len(finished) == 2 and len(between) <= 3
    after, at_once = _flow_files(out), _flow_files(work / "flow at once")
    assert after.keys() == at_once.keys() and len(after) == 15
    for file, path in after.items():
        assert path.read_bytes() == at_once[file].read_bytes()
    assert all(after[file].stat().st_mtime_ns == between[file] for file in finished)
    assert not [*out.rglob(".*")]
    rows = mtl.read_manifest(out / "manifest.csv")
    assert np.load(rows["flow"].iloc[0]).shape[1:] == (12, 16, 3)


def test_from_flow_to_figures(work, flow):
    """Units of both streams at both resolutions, then one run, then its figures once more."""
    for stream in ("rgb", "flow"):
        c3d = mtl.build_model(
            "c3d",
            {"action": mtl.heads.Action(3)},
            (16, 16, 16, 3),
            degrade=LR if stream == "rgb" else FLOW_LR,
            width=1 / 64,
            features="fc6",
        )
        mtl.save_model(c3d, work / f"c3d {stream}")
    videos = flow[0] / "manifest.csv"
    units = work / "units"
    for resolution, recipe in (("lr", LR), ("hr", "area(16)")):
        for stream in ("rgb", "flow"):
            _run(
                *("units", work / f"c3d {stream}", units, "--manifest", videos),
                *("--stream", stream, "--resolution", resolution),
                *("--degrade", recipe if stream == "rgb" else FLOW_LR),
            )
    run, figures = work / "run", work / "figures.json"
    _run(
        *("train", "--dataset", "hmdb51_features", "--data", units, "--out", run),
        *("--tasks", "action", "--trunk", "two_stream_rnn(hidden=4)", "--clip", "units(2, 64)"),
        *("--degrade", "", "--optimizer", "rmsprop", "--schedule", "constant", "--epochs", 2),
    )
    trained = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    evaluate = ["evaluate", run, "--manifest", run / "manifest.csv", "--split", "test"]
    _run(*evaluate, "--json", figures)
    again = json.loads(figures.read_text(encoding="utf-8"))
    assert again["splits"]["test"]["action"] == trained["splits"]["test"]["action"]
    rows = mtl.read_manifest(run / "manifest.csv")
    # Of five films three are train, at both resolutions, and one each is val and test.
    assert rows["split"].value_counts().to_dict() == {"train": 18, "val": 3, "test": 3}
