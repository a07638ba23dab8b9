"""The model card tells what is known, and says so where nothing is."""

import json

import pytest

from mtl_lowres.datasets.terms import TERMS
from mtl_lowres.heads import Age, Posture
from mtl_lowres.model import build_model
from mtl_lowres.registry import DATASETS
from mtl_lowres.serving.model_card import model_card


@pytest.fixture(scope="module")
def model():
    heads = {"posture": Posture(2), "age": Age("mse")}
    names = {"posture": ["stand", "lie ✓"]}
    return build_model("lownet", heads, (8, 8, 3), class_names=names, degrade="area(8)")


@pytest.fixture
def run(tmp_path):
    posture = {"macro_f1": 0.5, "accuracy": 0.625, "n": 8, "per_class": [{}, {}]}
    posture["interval"] = {"level": 0.95, "macro_f1": [0.4, 0.6]}
    age = {"mae_years": 4.25, "median_mae_years": 9.0, "n": 7}
    splits = {"val": {"posture": posture}, "test": {"posture": posture, "age": age}}
    metrics = {"splits": splits, "epochs": 12, "chosen_epoch": 9}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    config = {"settings": {"seed": 3}, "source": {"dataset": "utkface", "data": "faces"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_what_a_run_knows(model, run, monkeypatch):
    entries = {"temperature": {"posture": [{"size": [8, 8], "temperature": 1.5}]}}
    monkeypatch.setitem(model.description, "calibration", entries)
    card = model_card(model, run)
    assert card.startswith("# posture, age from images of 8 x 8 pixels (`area(8)`)\n")
    assert "- **posture**: one of 2 classes: stand, lie ✓\n" in card
    assert "- **age**: a number of years\n" in card
    assert "UTKFace. Terms: research use only." in card
    assert "| test | posture | macro_f1 | 0.5000 | 0.4000 to 0.6000 | 8 |\n" in card
    assert "| test | age | mae_years | 4.2500 |  | 7 |\n" in card
    assert "Epoch 9 of 12, chosen on the rows of `val`. Seed 3, one run." in card
    assert "- temperature of posture at 8 x 8: 1.5\n" in card


def test_without_a_run(model):
    card = model_card(model)
    for missing in ("Not known", "None are known.", "None: confidences are the network's own"):
        assert missing in card


def test_a_run_without_validation(model, run):
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics["splits"]["val"]
    (run / "metrics.json").write_text(json.dumps(metrics))
    assert "The last of 12 epochs; no rows were held out to choose one." in model_card(model, run)


def test_terms_are_of_readers_that_exist():
    assert set(TERMS) <= set(DATASETS.list())
