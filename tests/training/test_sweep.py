"""A sweep's figures are those of the images that its recipes make."""

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from mtl_lowres.datasets.pairs import pair_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model
from mtl_lowres.training.sweep import sweep
from tests.toy_people import draw_people, outputs_for, people_model, toy_trunk, unit_embeddings


@pytest.fixture(scope="module")
def models():
    with toy_trunk():
        yield {"a": people_model(1), "b ü": people_model(2)}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return draw_people(tmp_path_factory.mktemp("leute ö"))


def test_each_model_kernel_and_size(models, people):
    table = sweep(models, people, [(4, 6)], ["area", "bicubic"], bootstrap=20)
    assert len(table) == 2 * 2 * 2  # models, kernels, metrics
    for (run, kernel), rows in table.groupby(["run", "kernel"]):
        recipe = f"{kernel}(4, 6)|bicubic(8, 8)"
        outputs = outputs_for(models[run], people["path"], recipe)
        answers, truth = outputs["posture"].argmax(axis=1), people["posture"].to_numpy(int)
        values = rows.set_index("metric")["value"]
        assert values["accuracy"] == pytest.approx(accuracy_score(truth, answers))
        assert values["macro_f1"] == pytest.approx(f1_score(truth, answers, average="macro"))
    assert (table["low"] <= table["high"]).all() and (table["chance"] == 1 / 3).all()
    assert set(table["task"]) == {"posture"} and set(table["n"]) == {24}


def test_pairs_are_verified(models, people):
    first, second = np.triu_indices(len(people), 1)
    same = (people["subject"].to_numpy()[first] == people["subject"].to_numpy()[second]) * 1
    folds = np.arange(len(same)) % 3 + 1
    paths = people["path"].to_numpy()
    pairs = pair_manifest(paths[first], paths[second], same, folds)
    table = sweep({"a": models["a"]}, pairs, [(6, 6)], bootstrap=0)
    unit = unit_embeddings(models["a"], paths, "area(6, 6)|bicubic(8, 8)")
    expected = roc_auc_score(same, (unit[first] * unit[second]).sum(axis=1))
    values = table.set_index("metric")["value"]
    assert values["auc"] == pytest.approx(expected, abs=1e-4)
    assert set(values.index) == {"3fold_accuracy", "auc"}
    assert set(table["n"]) == {len(same)} and set(table["task"]) == {"verification"}


def test_clips_by_the_rule_of_the_model(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (4, 5, 12, 12, 3), np.uint8)
    for number, clip in enumerate(frames):
        np.save(tmp_path / f"{number}.npy", clip)
    rows = pd.DataFrame({"path": [str(tmp_path / f"{n}.npy") for n in range(4)]})
    with toy_trunk():
        model = people_model(frames=2, clip="first(2)")
        table = sweep({"a": model}, rows.assign(posture=[0, 1, 2, 0]), [(4, 4)], bootstrap=0)
    assert set(table["metric"]) == {"macro_f1", "accuracy"} and set(table["n"]) == {4}


def test_flow_is_that_of_the_probe(tmp_path, people):
    """One model names a clip by the sign of its mean dx, which is that of the enlarged probe."""
    texture = np.random.default_rng(0).integers(0, 255, (16, 40), np.uint8)
    texture = cv2.GaussianBlur(texture, (0, 0), 4)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    starts = {"rechts": (12, 9, 6), "links": (6, 9, 12)}
    for name, offsets in starts.items():
        frames = np.stack([texture[:, at : at + 16] for at in offsets])
        np.save(tmp_path / f"{name}.npy", np.repeat(frames[..., np.newaxis], 3, axis=-1))
    rows = pd.DataFrame({"path": [str(tmp_path / f"{n}.npy") for n in starts], "posture": [0, 1]})
    with toy_trunk():
        heads = {"posture": Posture(2)}
        options = {"degrade": "area(8)", "clip": "uniform(3)|farneback(2)"}
        model = build_model("toy_flat", heads, (3, 8, 8, 5), {}, **options)
    _answer_by_mean_dx(model)
    table = sweep({"a": model}, rows, [(4, 4)], bootstrap=0)
    assert set(table["value"]) == {1.0} and len(table) == 2


def _answer_by_mean_dx(model):
    """Set weights by which a mean dx above 0 is class 0."""
    dense, logits = (layer for layer in model.layers if layer.get_weights())
    kernel = np.zeros(dense.kernel.shape, np.float32)
    kernel[3::5, 0] = 0.1
    dense.set_weights([kernel, np.zeros(dense.units, np.float32)])
    weights = np.zeros(logits.kernel.shape, np.float32)
    weights[0] = 5, -5
    logits.set_weights([weights, np.zeros(2, np.float32)])


@pytest.mark.parametrize(
    "clip, shape, message",
    [
        ("uniform(2)|stored(3)", (2, 8, 8, 5), "a ü cannot be measured .* reads stored flow"),
        ("units(4, 3)", (4, 6), "a ü cannot be measured .* reads stored features"),
    ],
)
def test_what_is_stored_sees_no_probe(people, clip, shape, message):
    degrade = None if clip.startswith("units") else "area(8)"
    with toy_trunk():
        model = build_model("toy_flat", {"posture": Posture(2)}, shape, {}, degrade, clip=clip)
    with pytest.raises(InputError, match=message):
        sweep({"a ü": model}, people, [(8, 8)], bootstrap=0)


def test_broken_files_are_counted(models, people, tmp_path):
    bad = tmp_path / "kaputt.png"
    bad.write_bytes(b"hello")
    rows = pd.concat([people.head(5), people.head(1).assign(path=str(bad))], ignore_index=True)
    table = sweep(models, rows, [(8, 8)], bootstrap=0)
    assert set(table["bad_files"]) == {1} and set(table["n"]) == {5}


@pytest.mark.parametrize("count", [1, 2])
def test_broken_files_alone(models, people, count):
    some = dict(list(models.items())[:count])
    with pytest.raises(InputError, match="none of the 2 files"):
        sweep(some, people.head(2).assign(path="gone.png"), [(8, 8)], bootstrap=0)


def test_what_cannot_be_measured(models, people):
    with pytest.raises(InputError, match="unknown kernel 'aera': known are area"):
        sweep(models, people, [(8, 8)], ["aera"])
    pairs = pair_manifest(people["path"][:2], people["path"][2:4], [1, 1], [1, 1])
    with pytest.raises(InputError, match="fold 1 has only pairs of one person"):
        sweep(models, pairs, [(8, 8)])
    with pytest.raises(InputError, match="no row has a label of face, posture"):
        sweep(models, people.drop(columns="posture"), [(8, 8)], bootstrap=0)
