"""One run: what it leaves, honest selection, exact resume."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.manifest import read_manifest, write_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.model import load_model
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train
from mtl_lowres.training.seeds import train_seeds

CONFIG = TrainConfig(
    tasks=("posture",),
    trunk="lownet(slopes=(1, 1, 1))",
    heads={"posture": "posture(loss='nll')"},
    degrade="area(8)",
    augment="shift(1)|mixup(0.2)",
    epochs=4,
    batch_size=16,
    ema=0.9,
    weight_decay=0.01,
    warmup_epochs=1,
)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The settings of all runs here, which share the images that the first one decodes."""
    shared = tmp_path_factory.mktemp("shared")
    return dataclasses.replace(CONFIG, cache="disk", cache_dir=str(shared))


@pytest.fixture(scope="module")
def finished(config, bars, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    return run_dir, train(config, bars, run_dir)


@pytest.fixture(scope="module")
def seeds(config, bars, tmp_path_factory):
    """Folder of two seeds, one epoch each, and what is said of both."""
    folder = tmp_path_factory.mktemp("seeds") / "runs"
    return folder, train_seeds(dataclasses.replace(config, epochs=1), bars, folder, 2)


@pytest.fixture(scope="module")
def unvalidated(config, bars, tmp_path_factory):
    """Folder, figures and the bad file of a run whose training people all train."""
    folder = tmp_path_factory.mktemp("unvalidated")
    bad = folder / "bad 像.jpg"
    bad.write_bytes(b"")
    manifest = pd.concat([bars, bars.head(1).assign(path=str(bad))], ignore_index=True)
    manifest.attrs = bars.attrs
    config = dataclasses.replace(config, val=0, epochs=2, ema=0, bad_file_budget=0.05)
    config = dataclasses.replace(config, optimizer="sgd", weight_decay=0)
    return folder / "run", train(config, manifest, folder / "run"), bad


@pytest.fixture(scope="module")
def standstill(config, bars, tmp_path_factory):
    """Folder and figures of a run that is to name people too and hardly moves a weight."""
    people = bars["subject"].str.removeprefix("p").astype("Int64")
    manifest = bars.assign(identity=people.where(bars["split"] == "train"))
    config = dataclasses.replace(config, tasks=("posture", "identity"), learning_rate=1e-12)
    config = dataclasses.replace(config, epochs=8, patience=2, ema=0)
    config = dataclasses.replace(config, optimizer="lazyadam", weight_decay=0)
    run_dir = tmp_path_factory.mktemp("standstill") / "run"
    return run_dir, train(config, manifest, run_dir)


def _weights(run_dir):
    with np.load(run_dir / "model" / "weights.npz") as arrays:
        return dict(arrays)


def _assert_same_weights(run_dir, other):
    first, second = _weights(run_dir), _weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_run_folder_holds_everything(finished, bars):
    run_dir, figures = finished
    names = {path.name for path in run_dir.iterdir()}
    assert names == {
        "config.json",
        "manifest.csv",
        "manifest.classes.json",
        "history.csv",
        "checkpoints",
        "model",
        "metrics.json",
        "predictions.csv",
        "bad_files.csv",
        "report.html",
    }
    assert json.loads((run_dir / "metrics.json").read_text()) == figures
    history = pd.read_csv(run_dir / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert {"loss", "val_loss", "val_posture_macro_f1", "learning_rate"} <= set(history)
    predictions = pd.read_csv(run_dir / "predictions.csv")
    assert sorted(predictions["split"].unique()) == ["test", "val"]
    assert set(predictions["posture_truth"]) <= set(bars.attrs["classes"]["posture"])


def test_validation_people_are_apart_and_test_people_untouched(finished):
    run_dir, _ = finished
    manifest = pd.read_csv(run_dir / "manifest.csv", dtype=str)
    people = manifest.groupby("split")["subject"].unique().apply(set)
    assert people["test"] == {"p5"}
    assert len(people["val"]) == 1 and len(people["train"]) == 4
    assert not people["val"] & people["train"]


def test_kept_weights_are_those_of_the_best_validation_epoch(finished):
    """With averaging and a chosen epoch, the saved model gives the best figure of the history."""
    run_dir, figures = finished
    history = pd.read_csv(run_dir / "history.csv")
    best = history["val_posture_macro_f1"].max()
    assert figures["splits"]["val"]["posture"]["macro_f1"] == pytest.approx(best, abs=1e-6)


def test_same_seed_gives_the_same_weights(finished, bars, tmp_path):
    """Wherever the images are kept."""
    train(CONFIG, bars, tmp_path / "again")
    _assert_same_weights(finished[0], tmp_path / "again")


def test_another_seed_gives_other_weights(seeds):
    first, second = (_weights(seeds[0] / f"seed-{seed}") for seed in (0, 1))
    assert any(not np.array_equal(value, second[name]) for name, value in first.items())


_PROGRAM = """
import json, sys
import tensorflow as tf
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
from mtl_lowres.data.manifest import read_manifest
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train
train(TrainConfig.from_dict(json.loads(sys.argv[1])), read_manifest(sys.argv[2]), sys.argv[3])
"""


def test_killed_run_resumes_to_the_same_weights(finished, config, bars, tmp_path):
    whole, _ = finished
    run_dir, csv = tmp_path / "killed", tmp_path / "bars.csv"
    write_manifest(bars, csv)
    arguments = [sys.executable, "-c", _PROGRAM, json.dumps(config.to_dict()), csv, run_dir]
    process = subprocess.Popen(arguments)
    while not (run_dir / "checkpoints" / "epoch-0002").exists() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    train(config, read_manifest(csv), run_dir)
    _assert_same_weights(whole, run_dir)


def test_finished_run_is_returned_without_training(finished, config, bars):
    run_dir, figures = finished
    before = (run_dir / "model" / "weights.npz").stat().st_mtime_ns
    assert train(config, bars, run_dir) == figures
    assert (run_dir / "model" / "weights.npz").stat().st_mtime_ns == before


def test_folder_of_another_run_is_refused(finished, config, bars):
    run_dir, _ = finished
    with pytest.raises(InputError, match=r"holds a run with epochs=4, not 5"):
        train(dataclasses.replace(config, epochs=5), bars, run_dir)
    with pytest.raises(InputError, match="differs from the manifest"):
        train(config, bars.drop(index=3), run_dir)


def test_without_validation_rows_the_last_epoch_is_kept(unvalidated):
    run_dir, figures, bad = unvalidated
    assert set(figures["splits"]) == {"test"}
    assert figures["chosen_epoch"] == figures["epochs"] == 2
    manifest = pd.read_csv(run_dir / "manifest.csv")
    assert (manifest["split"][manifest["path"] != str(bad)] == "train").sum() == 80


def test_early_stopping_waits_for_patience(standstill):
    """A learning rate of almost nothing never improves on the first epoch."""
    assert standstill[1]["epochs"] == 3


def test_held_out_people_are_no_identity_classes(standstill):
    """Five training people, one of them held out for validation: four identities are left."""
    run_dir, figures = standstill
    assert set(figures["splits"]["val"]) == set(figures["splits"]["test"]) == {"posture"}
    model = load_model(run_dir / "model")
    assert {task: head.classes for task, head in model.heads.items()} == {
        "posture": 4,
        "identity": 4,
    }


def test_split_without_subjects_is_refused(bars, tmp_path):
    with pytest.raises(InputError, match="no column 'subject'.*val=0"):
        train(CONFIG, bars.drop(columns="subject"), tmp_path / "run")


def test_unknown_monitor_is_named(config, bars, tmp_path):
    config = dataclasses.replace(config, monitor="posture_auc", epochs=1)
    with pytest.raises(InputError, match="monitor='posture_auc' is not measured; known are"):
        train(config, bars, tmp_path / "run")


def test_bad_files_are_listed_and_do_not_stop_the_run(unvalidated):
    run_dir, figures, bad = unvalidated
    assert figures["bad_files"] == 1
    listed = pd.read_csv(run_dir / "bad_files.csv")
    assert listed.to_dict("records") == [{"path": str(bad), "reason": "empty file (0 bytes)"}]


def test_seeds_are_summarised_as_mean_and_deviation(seeds):
    folder, result = seeds
    runs = [json.loads((folder / f"seed-{s}" / "metrics.json").read_text()) for s in (0, 1)]
    values = [run["splits"]["test"]["posture"]["macro_f1"] for run in runs]
    assert (folder / "report.html").exists()
    summary = result["summary"]["test"]["posture"]["macro_f1"]
    assert summary["mean"] == pytest.approx(np.mean(values))
    assert summary["std"] == pytest.approx(np.std(values, ddof=1))
