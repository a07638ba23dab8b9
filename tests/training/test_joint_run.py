"""A run of four tasks on clips, from files to figures: missing labels, weights, report."""

import json

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.datasets import read_dataset
from mtl_lowres.errors import InputError
from mtl_lowres.model import load_model
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.evaluate import mean_skill
from mtl_lowres.training.run import prepare_manifest, train
from tests.toy_people import toy_trunk

CONFIG = TrainConfig(
    tasks=("posture", "action", "identity", "age"),
    trunk="toy_flat",
    degrade="area(16)",
    clip="uniform(4)",
    epochs=2,
    batch_size=32,
    weighting="uncertainty",
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("personnes animées")
    return read_dataset(
        "people", folder / "clips", samples=240, clips=True, people=30, known=4, frames=8, size=32
    )


@pytest.fixture(scope="module")
def run_dir(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joint") / "run"
    with toy_trunk():
        train(CONFIG, manifest, folder)
        yield folder


def test_every_task_has_figures_of_its_own_kind(run_dir):
    splits = json.loads((run_dir / "metrics.json").read_text())["splits"]
    for split in ("val", "test"):
        assert set(splits[split]) == set(CONFIG.tasks)
        assert 0 <= splits[split]["action"]["macro_f1"] <= 1
        assert splits[split]["age"]["mae_years"] > 0
        assert splits[split]["age"]["median_mae_years"] > 0


def test_labels_that_are_missing_are_not_counted(run_dir, manifest):
    figures = json.loads((run_dir / "metrics.json").read_text())["splits"]["test"]
    test = manifest[manifest["split"] == "test"]
    for task in CONFIG.tasks:
        assert figures[task]["n"] == test[task].notna().sum()


def test_history_tells_the_weights_and_the_skill(run_dir):
    history = pd.read_csv(run_dir / "history.csv")
    weights = history[[f"weight_{task}" for task in CONFIG.tasks]]
    assert (weights > 0).all(axis=None)
    last = history.iloc[-1]
    figures = [last[f"val_{task}_macro_f1"] for task in ("posture", "action", "identity")]
    truth = pd.read_csv(run_dir / "manifest.csv").query("split == 'val'")["age"].dropna()
    median_mae = np.abs(truth - truth.median()).mean()
    figures.append(1 - last["val_age_mae_years"] / median_mae)
    assert last["val_skill"] == pytest.approx(np.mean(figures), abs=1e-5)


def test_answers_are_words_and_years(run_dir, manifest):
    table = pd.read_csv(run_dir / "predictions.csv", keep_default_na=False)
    assert set(table["action_prediction"]) <= set(manifest.attrs["classes"]["action"])
    assert pd.to_numeric(table["age_prediction"]).between(0, 100).all()
    assert (table["posture_truth"] == "").any()  # actions of the whole body have no posture


def test_the_report_shows_weights_and_ages(run_dir):
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    for part in ("Task weights", "error by age", "predicted and true", "mae_years"):
        assert part in page


def test_the_saved_model_knows_its_clips(run_dir):
    model = load_model(run_dir / "model")
    assert model.description["clip"] == "uniform(4)"
    assert model.input_shape == (None, 4, 16, 16, 3)


def test_skill_of_ages_is_the_gain_over_the_median():
    assert mean_skill(
        {"a": {"macro_f1": 0.8}, "b": {"mae_years": 5.0, "median_mae_years": 20.0}}
    ) == (pytest.approx((0.8 + 0.75) / 2))
    # One person, or all of one age: no constant answer can be beaten.
    assert mean_skill({"b": {"mae_years": 5.0, "median_mae_years": 0.0}}) == 0


def test_validation_rows_without_a_label_are_refused_by_the_tasks_name(manifest):
    rows = manifest.copy()
    rows.loc[rows["split"] == "val", "posture"] = pd.NA
    rows.attrs = manifest.attrs
    config = TrainConfig(tasks=("posture",))
    with pytest.raises(InputError, match="split 'val' has a label of posture"):
        prepare_manifest(config, rows)
