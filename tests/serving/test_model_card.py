"""The model card tells what is known, and says so where nothing is."""

import json

import pytest

from mtl_lowres.datasets.terms import TERMS
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Embedding, Identity, Posture
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
    posture["bootstrap_over"] = "subjects"
    age = {"mae_years": 4.25, "median_mae_years": 9.0, "n": 7}
    splits = {"val": {"posture": posture}, "test": {"posture": posture, "age": age}}
    metrics = {"splits": splits, "epochs": 12, "chosen_epoch": 9}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    config = {"settings": {"seed": 3}, "source": {"dataset": "utkface", "data": "faces"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_what_a_run_knows(model, run, monkeypatch):
    entries = {
        "temperature": {"posture": [{"size": [8, 8], "temperature": 1.5}]},
        "threshold": {"face": [{"size": [8, 6], "threshold": 0.41, "far": 0.01}]},
    }
    monkeypatch.setitem(model.description, "calibration", entries)
    card = model_card(model, run)
    assert card.startswith("# posture, age from images of 8 x 8 pixels\n")
    assert "- resolution: `area(8)`\n" in card
    assert "- **posture**: one of 2 classes: stand, lie ✓\n" in card
    assert "- **age**: a number of years\n" in card
    assert "UTKFace. Terms: research use only." in card
    assert "| test | posture | macro_f1 | 0.5000 | 0.4000 to 0.6000 | 0.5000 | 8 |\n" in card
    assert "| test | age | mae_years | 4.2500 |  | 9.0000 | 7 |\n" in card
    assert "- mae_years: mean absolute error, in years\n" in card
    assert (
        "Epoch 9 of 12, chosen on the rows of `val`. Intervals by resampling subjects. Seed 3, "
        "one run." in card
    )
    assert "- temperature of posture at 8 x 8: 1.5\n" in card
    assert "- threshold of face at 8 x 6: 0.41 (accepts 0.01 of other people)\n" in card


def test_the_model_in_a_run_is_told_as_the_run(model, run):
    assert model_card(model, run / "model") == model_card(model, str(run))


def test_rows_and_people(model, run):
    """Anna is in two splits, the last row shows nobody who is known."""
    rows = ["subject,split", "anna,train", "anna,test", "ben ü,train", "ben ü,train", ",val"]
    (run / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    card = model_card(model, run)
    assert (
        "Rows: 3 `train`, 1 `val`, 1 `test`. People: 2, 1 of them in more than one split.\n" in card
    )
    (run / "manifest.csv").write_text("path,split\na.png,train\n", encoding="utf-8")
    assert "Rows: 1 `train`. Who is shown is not known.\n" in model_card(model, run)


def test_what_it_learned_from_before(model, run):
    config = {"settings": {"start": "/a/runs/größe", "teacher": "teacher"}, "source": {}}
    (run / "config.json").write_text(json.dumps(config), encoding="utf-8")
    card = model_card(model, run)
    assert "- Started from: `größe`, whose data and terms are its own.\n" in card
    assert "- Taught by: `teacher`, whose" in card


def test_another_recipe_than_it_was_trained_with(model):
    card = model_card(model, degrade="bicubic(8)")
    assert "- resolution: `bicubic(8)`\n- it was trained with another resolution: `area(8)`" in card


def test_a_run_of_a_transfer(model, run):
    """The figures are those of what is served, not of its bounds."""
    served = {"mean_ap_area": 0.75, "accuracy": 0.5, "macro_f1": 0.25, "n": 6, "per_class": [{}]}
    figures = {"posture": {"hr": {}, "transferred": {}, "transferred + lr": served}}
    (run / "metrics.json").write_text(json.dumps({"figures": figures, "C": {}}))
    config = {"settings": {"beside": True, "seed": 5}, "store": {"folder": "/b/scenes6"}}
    (run / "config.json").write_text(json.dumps(config))
    card = model_card(model, run)
    assert "The stored features `scenes6`" in card
    assert "| test | posture | mean_ap_area | 0.7500 |  |  | 6 |\n" in card
    assert "cross-validation on the rows of `train`. Seed 5, one run." in card


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "{", "config.json is damaged (Expecting property name"),
        ("metrics.json", "[]", "metrics.json is none that a run writes"),
        ("metrics.json", '{"splits": 3}', "metrics.json is none that a run writes (AttributeError"),
        ("metrics.json", '{"figures": {"posture": {}}}', "(KeyError: 'beside')"),
        ("config.json", '{"source": {"manifest": 1}}', "is none that a run writes (TypeError"),
        ("manifest.csv", 'subject,split\n"', "manifest.csv is damaged ("),
    ],
)
def test_damaged_files_of_a_run(model, run, name, text, message):
    (run / name).write_text(text)
    with pytest.raises(InputError) as error:
        model_card(model, run)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_embeddings_and_many_classes():
    heads = {"face": Embedding(6), "identity": Identity(41, "am_softmax", embedding=4)}
    names = {"identity": [f"person {number}" for number in range(41)]}
    card = model_card(build_model("lownet", heads, (8, 8, 3), class_names=names))
    assert "- **face**: an embedding of 6 numbers\n" in card
    assert (
        "- **identity**: one of 41 classes, which `labels.json` names; and an embedding of 4 "
        "numbers\n" in card
    )
    assert "no recipe is known" in card


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
