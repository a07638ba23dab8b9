"""transfer, through the command line, on features of drawn bars."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.evaluation.average_precision import retrieval_figures
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, load_model
from mtl_lowres.serving.export import export
from mtl_lowres.training.features import extract_features, open_features
from mtl_lowres.training.transfer import load_transfer
from mtl_lowres.training.transfer_run import Measurement, run_transfer
from mtl_lowres.training.transfer_svm import ALL_CLASSES

LOW, LOWER = "area(6)|bicubic(16)", "area(3)|bicubic(16)"
QUICK = ["--fc1", 16, "--fc2", 8, "--epochs", 2, "--folds", 2]


def _run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def store(bars, tmp_path_factory):
    folder = tmp_path_factory.mktemp("Merkmale ü")
    tf.keras.utils.set_random_seed(0)
    model = build_model("lownet", {"posture": Posture(4)}, (16, 16, 3), degrade="area(16)")
    table = bars.assign(left=(bars["posture"] == 0).astype("Int64"), odd=bars["posture"] % 2)
    table.loc[table.index[:5], "odd"] = pd.NA
    table.attrs = bars.attrs
    extract_features(model, table, folder / "store", hr="area(16)", degrade=[LOW, LOWER])
    return folder / "store"


@pytest.fixture(scope="module")
def out(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("transfer") / "Lauf é"
    options = ["--tasks", "posture", "--degrade", LOW, "--assign", "pair", "--beside"]
    options += ["--power", 0.5, "--json", out.with_name("r.json")]
    done = _run("transfer", store, out, *options, *QUICK)
    assert done.exit_code == 0, done.output
    assert "transferred + lr" in done.output
    return out


def test_what_a_run_leaves(store, out):
    names = {"transfer", "model", "metrics.json", "config.json", "report.html"}
    assert {path.name for path in out.iterdir()} == names
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == json.loads(out.with_name("r.json").read_text(encoding="utf-8"))
    assert list(metrics["figures"]["posture"]) == ["hr", "lr", "transferred", "transferred + lr"]
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert config["settings"]["assign"] == "pair" and config["measurement"]["degrade"] == LOW


def test_a_gap_that_is_none_is_told_in_words(store, out, tmp_path, monkeypatch):
    """As where images of low resolution are told apart as well: bounds are made to be equal."""
    monkeypatch.setattr(
        "mtl_lowres.training.transfer_run._bounds",
        lambda store, recipe, power: dict.fromkeys(("hr", "lr"), np.array(store.hr[0])),
    )
    options = ["--tasks", "posture", "--degrade", LOW, "--no-tsne", "--json", tmp_path / "r.json"]
    done = _run("transfer", store, tmp_path / "out", *options, *QUICK)
    assert done.exit_code == 0, done.output
    assert "no gap to close: the mean AP of hr" in done.output and "gap closed" not in done.output
    figures = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["figures"]["posture"]
    assert {share for own in figures.values() for share in own["gap_closed"].values()} == {None}


def test_the_model_answers_images_as_the_stored_features_do(store, out, tmp_path):
    """The figures are those of these scores; the SavedModel is given the encoded files."""
    features = open_features(store)
    low = np.array(features.lr[LOW][0])
    transferred = load_transfer(out).apply(low)
    np.testing.assert_allclose(transferred[:, 8:], np.sign(low) * np.sqrt(np.abs(low)), rtol=1e-5)
    model = load_model(out)
    weights, bias = model.get_layer("posture").get_weights()
    test = np.flatnonzero(features.manifest["split"] == "test")
    expected = transferred[test] @ weights + bias
    served = tf.saved_model.load(str(export(model, tmp_path / "served")))
    contents = [Path(path).read_bytes() for path in features.manifest["path"].iloc[test]]
    answers = served.signatures["image_bytes"](image_bytes=tf.constant(contents))
    assert set(answers) == {"posture_scores", "posture_class", "posture_label", "ok"}
    np.testing.assert_allclose(answers["posture_scores"], expected, atol=1e-5)
    figures = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["figures"]
    truth = features.manifest["posture"].iloc[test]
    of_model = retrieval_figures(expected, truth, features.manifest.attrs["classes"]["posture"])
    stored = figures["posture"]["transferred + lr"]
    assert stored["mean_ap_area"] == pytest.approx(of_model["mean_ap_area"])
    assert stored["accuracy"] == pytest.approx(of_model["accuracy"])


def _with_labels(store, folder, change):
    """Return a copy of the store with another table of labels."""
    shutil.copytree(store, folder)
    table = pd.read_csv(folder / "manifest.csv")
    change(table)
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


def test_shuffled_labels_give_the_identical_network(store, out, tmp_path):
    def shuffle(table):
        train = table["split"] == "train"
        labels = table.loc[train, "posture"].sample(frac=1, random_state=0).to_numpy()
        table.loc[train, "posture"] = labels

    other = _with_labels(store, tmp_path / "shuffled", shuffle)
    config, measurement = load_transfer(out).config, Measurement(("posture",), LOW, folds=2)
    features = open_features(other)
    run_transfer(features, config, measurement, tmp_path / "out", projection=False)
    with (
        np.load(out / "transfer" / "weights.npz") as expected,
        np.load(tmp_path / "out" / "transfer" / "weights.npz") as found,
    ):
        assert set(expected.files) == set(found.files)
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name])
    one, other = (load_model(folder).get_layer("posture") for folder in (out, tmp_path / "out"))
    assert (one.get_weights()[0] != other.get_weights()[0]).any()


def test_several_tasks_of_two_classes_are_one_table(store, tmp_path):
    """The empty labels of one of them are left out."""
    options = ["--tasks", "left,odd", "--degrade", LOWER, "--target", "features", "--no-tsne"]
    done = _run("transfer", store, tmp_path / "out", *options, *QUICK)
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["figures"]
    assert list(figures) == [ALL_CLASSES]
    rows = figures[ALL_CLASSES]["transferred"]["per_class"]
    assert [row["name"] for row in rows] == ["left", "odd"]
    assert list(load_model(tmp_path / "out").heads) == ["left", "odd"]


def test_several_widths_are_a_grid(store, tmp_path):
    options = ["--tasks", "posture", "--degrade", LOW, "--epochs", 1, "--folds", 2]
    done = _run("transfer", store, tmp_path / "g", *options, "--fc1", "4, 8", "--fc2", "5")
    assert done.exit_code == 0, done.output
    metrics = json.loads((tmp_path / "g" / "metrics.json").read_text(encoding="utf-8"))
    assert [(cell["fc1"], cell["fc2"]) for cell in metrics["grid"]] == [(4, 5), (8, 5)]
    assert all(0 < cell["value"] <= 1 for cell in [*metrics["grid"], {"value": metrics["hr"]}])
    assert {path.name for path in (tmp_path / "g").iterdir()} == {
        "metrics.json",
        "config.json",
        "report.html",
    }


def _one_of_a_class(table):
    rest = table.index[(table["posture"] == 3) & (table["split"] == "train")][1:]
    table.loc[rest, "posture"] = None


def _one_class(table):
    table.loc[table["posture"] != 0, "posture"] = None


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, ["--degrade", "area(2)"], "degrade='area(2)' is not in the store"),
        (None, [], "has several recipes: give degrade, one of"),
        (None, ["--degrade", LOW, "--fc2", 81], "fc2=81 clusters cannot be made of 80 samples"),
        (None, ["--degrade", LOW, "--fc2", "8,81"], "fc2=81 clusters cannot be made of 80 samples"),
        (None, ["--degrade", LOW, "--fc1", "wide"], "--fc1 'wide': write integers"),
        (None, ["--degrade", LOW, "--tasks", "mood"], "no column 'mood'"),
        (None, ["--degrade", LOW, "--tasks", "age"], "task 'age' is a number"),
        (None, ["--degrade", LOW, "--tasks", ","], "name at least one column"),
        (_one_of_a_class, ["--degrade", LOW], "task 'posture': class 'right' has 1 labelled"),
        (_one_class, ["--degrade", LOW], "task 'posture': all 20 labelled training rows are of"),
    ],
)
def test_mistakes_end_in_one_line(store, tmp_path, change, options, message):
    used = _with_labels(store, tmp_path / "store", change) if change else store
    given = [*QUICK, "--tasks", "posture", *options]
    parts = [message] if "area(2)" not in message else [message, f"it has '{LOW}', '{LOWER}'"]
    _expect_error(_run("transfer", used, tmp_path / "out", *given), *parts)
    assert not (tmp_path / "out").exists()


def test_a_store_cut_short_and_a_folder_of_something_else(store, tmp_path):
    broken = tmp_path / "store"
    shutil.copytree(store, broken)
    (broken / "hr.npy").write_bytes((broken / "hr.npy").read_bytes()[:-40])
    options = [*QUICK, "--tasks", "posture", "--degrade", LOW]
    _expect_error(_run("transfer", broken, tmp_path / "out", *options), "hr.npy cannot be read")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("months of work")
    done = _run("transfer", store, tmp_path / "thesis", *options)
    _expect_error(done, "holds 'thesis.tex'", "is not replaced")


def _expect_error(done, *parts):
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr
