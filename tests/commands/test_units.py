"""units through the command line, and a two-stream network from videos to its answers."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

import mtl_lowres as mtl
from mtl_lowres.cli import main
from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, save_model
from mtl_lowres.serving.predictor import Predictor
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.prepare import new_model

CLIP = "units(4, 64)"


def _run(*arguments):
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small C3D, and a manifest of ten moving squares, one of them without frames, and flow."""
    folder = tmp_path_factory.mktemp("Einheiten ü")
    tf.keras.utils.set_random_seed(0)
    options = {"features": "fc6", "width": 1 / 64}
    save_model(build_model("c3d", {"action": Posture(2)}, (4, 8, 8, 3), **options), folder / "c3d")
    rows = []
    for number in range(10):
        frames = np.full((8, 8, 8, 3), 20 * number, np.uint8)
        for frame in range(8):
            frames[frame, 2:6, frame if number % 2 else 7 - frame] = 255
        path, flow = folder / f"{number} ü.npy", folder / f"flow {number}.npy"
        np.save(path, frames[: 0 if number == 9 else None])
        np.save(flow, 255 - frames)
        split = "test" if number >= 6 else "train"
        rows.append((path, flow, number % 2, split, f"person {number}"))
    table = pd.DataFrame(rows, columns=["path", "flow", "action", "split", "subject"], dtype=object)
    table = table.astype(str).astype({"action": int}).astype({"action": "Int64"})
    table.attrs["classes"] = {"action": ["left", "right"]}
    write_manifest(table, folder / "m.csv")
    return folder


@pytest.fixture(scope="module")
def units(folder):
    """The manifest of both streams."""
    options = ("--degrade", "area(8)", "--stride", 2, "--bad-file-budget", 0.2)
    rgb, both, result = folder / "rgb", folder / "both", folder / "r.json"
    done = _run("units", folder / "c3d", rgb, "--manifest", folder / "m.csv", *options)
    assert "9 files, 9 rows in" in done.output
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("9 ü.npy: an array without frames, of shape (0, 8, 8, 3)")
    )
    command = ("units", folder / "c3d", both, "--manifest", rgb / "manifest.csv", *options)
    _run(*command, "--stream", "flow", "--json", result)
    answer = json.loads(result.read_text(encoding="utf-8"))
    assert answer["rows"] == answer["files"] == 9 and answer["bad_files"] == {}
    assert answer["manifest"] == str(both / "manifest.csv")
    return both / "manifest.csv"


def test_rows_name_the_units_of_both_streams(folder, units):
    rows = read_manifest(units)
    assert rows["path"][0] == str(folder / "rgb" / "0 ü.npy")
    assert rows["flow"][0] == str(folder / "both" / "flow 0.npy")
    assert np.load(rows["path"][0]).shape == np.load(rows["flow"][0]).shape == (3, 64)


def test_other_settings_are_refused_in_one_line(folder, units):
    arguments = ["units", folder / "c3d", folder / "rgb", "--manifest", folder / "m.csv"]
    arguments += ["--degrade", "area(8)", "--stride", 3]
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("mtl-lowres: ") and "was made with stride=2, not 3" in line


def test_from_units_to_answers(units, tmp_path):
    """A network on these units is built, saved, loaded, asked about files, and exported."""
    rows = read_manifest(units)
    config = TrainConfig(("action",), trunk="two_stream_rnn(hidden=5)", clip=CLIP, degrade="")
    save_model(new_model(config, rows), tmp_path / "model")
    model = mtl.load_model(tmp_path / "model")
    ((batch, labels, _),) = mtl.make_dataset(rows, ["action"], degrade="", clip=CLIP)
    assert batch.shape == (9, 4, 128) and labels["action"].numpy().tolist() == [0, 1] * 4 + [0]
    probabilities = model(batch)["action"].numpy()

    both = np.hstack([np.load(rows["path"][0]), np.load(rows["flow"][0])])
    np.save(tmp_path / "both.npy", both)
    np.save(tmp_path / "nan.npy", np.full_like(both, np.nan))
    first, bad = Predictor(model).answers([tmp_path / "both.npy", tmp_path / "nan.npy"])
    assert first["action"]["label"] == ["left", "right"][probabilities[0].argmax()]
    np.testing.assert_allclose(first["action"]["confidence"], probabilities[0].max(), rtol=1e-5)
    assert not bad["ok"] and "NaN or infinite values" in bad["error"]

    served = tf.saved_model.load(mtl.export(model, tmp_path / "export"))
    assert list(served.signatures) == ["serving_default"]
    answers = served.signatures["serving_default"](batch)["action_probabilities"]
    np.testing.assert_allclose(answers, probabilities, rtol=1e-5)
