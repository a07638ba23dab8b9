"""Calibrations are fitted on validation rows alone and found by brute force too."""

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.datasets.pairs import pair_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import expected_calibration_error
from mtl_lowres.heads import Age
from mtl_lowres.model import load_model, save_model, store_calibration
from mtl_lowres.training.calibrate import calibrate, merge_calibrations
from tests.toy_people import (
    draw_people,
    outputs_for,
    people_model,
    spare_pipeline,
    toy_trunk,
    unit_embeddings,
)

FAR = 0.05


@pytest.fixture(scope="module")
def model():
    with toy_trunk():
        yield people_model()


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return draw_people(tmp_path_factory.mktemp("leute ö"))


@pytest.fixture(scope="module")
def fitted(model, people):
    """Fitted beside rows of the other splits, whose files are not even there."""
    others = [people.assign(split=split, path="gone.png") for split in ("train", "test")]
    rows = pd.concat([others[0], people, others[1]], ignore_index=True)
    return calibrate(model, rows, [(8, 8), (4, 4)], FAR)


@pytest.mark.parametrize(
    ("place", "size", "recipe"),
    [(0, [8, 8], "area(8, 8)|area(8)"), (1, [4, 4], "area(4, 4)|bicubic(8, 8)")],
)
class TestFitted:
    def test_temperature(self, model, people, fitted, place, size, recipe):
        entry = fitted["temperature"]["posture"][place]
        probabilities = outputs_for(model, people["path"], recipe)["posture"].astype(float)
        truth = people["posture"].to_numpy(int)

        def loss(temperature):
            powers = probabilities ** (1 / temperature)
            return -np.log(powers[np.arange(24), truth] / powers.sum(axis=1)).mean()

        assert entry["size"] == size and entry["n"] == 24
        assert loss(entry["temperature"]) <= min(map(loss, np.geomspace(0.05, 20, 500))) + 1e-6
        error = expected_calibration_error(probabilities, truth)
        assert entry["ece_before"] == pytest.approx(error, abs=1e-4)

    def test_threshold(self, model, people, fitted, place, size, recipe):
        """Of 240 pairs of different people 12 may be accepted, so the 13th is refused."""
        (entry,) = fitted["threshold"]["face"][place : place + 1]
        unit = unit_embeddings(model, people["path"], recipe)
        first, second = np.triu_indices(24, 1)
        same = people["subject"].to_numpy()[first] == people["subject"].to_numpy()[second]
        scores = (unit[first] * unit[second]).sum(axis=1)
        assert entry["threshold"] == pytest.approx(np.sort(scores[~same])[-13], abs=1e-5)
        assert entry["tar"] == pytest.approx((scores[same] > entry["threshold"]).mean(), abs=0.03)
        assert (entry["size"], entry["far"], entry["pairs"]) == (size, FAR, 276)


def test_pairs_that_are_given(model, people, monkeypatch):
    """Only thresholds are fitted on pairs, and only on those of the split val."""
    spare_pipeline(monkeypatch)
    paths = people["path"].to_numpy()
    first, second = np.triu_indices(24, 1)
    same = people["subject"].to_numpy()[first] == people["subject"].to_numpy()[second]
    pairs = pair_manifest(paths[first], paths[second], same * 1, [1] * len(same))
    rows = pd.concat([pairs.assign(split="val"), pairs.head(2).assign(split="test", pair=999)])
    calibration = calibrate(model, rows, far=FAR)
    assert calibration["temperature"] == {}
    (entry,) = calibration["threshold"]["face"]
    assert entry["size"] == [8, 8] and entry["pairs"] == 276


def test_without_people_there_is_no_threshold(model, people, monkeypatch):
    spare_pipeline(monkeypatch)
    calibration = calibrate(model, people.drop(columns="subject"))
    assert calibration["threshold"] == {} and list(calibration["temperature"]) == ["posture"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.assign(split="test"), r"'val' only, and the manifest has \['test'\]"),
        (lambda rows: rows.drop(columns="split"), "'val' only, and the manifest has no split"),
        (lambda rows: rows.head(0), "'val' only"),
        (lambda rows: rows.drop(columns=["posture", "subject"]), "nothing to calibrate"),
        (lambda rows: rows.head(4), "needs at least 100 pairs .* there are 0"),
        (lambda rows: rows.iloc[[0]], "there are 0"),
        (lambda rows: pd.concat([rows.head(4)] * 30), "there are 0"),  # the same files again
    ],
)
def test_what_cannot_be_calibrated(model, people, monkeypatch, change, message):
    spare_pipeline(monkeypatch)
    with pytest.raises(InputError, match=message) as error:
        calibrate(model, change(people))
    assert "\n" not in str(error.value)


def test_files_that_are_gone(model, people):
    with pytest.raises(InputError, match=r"gone.png|none of the") as error:
        calibrate(model, people.assign(path="gone.png"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("far", [0, 1, -0.5, float("nan")])
def test_rates_that_are_none(model, people, far):
    with pytest.raises(InputError, match="no false accept rate"):
        calibrate(model, people, far=far)


def test_a_model_of_ages_has_nothing_to_calibrate(people):
    with toy_trunk():
        model = people_model(heads={"age": Age("mse")})
    with pytest.raises(InputError, match="nothing to calibrate"):
        calibrate(model, people.assign(age=30.0))


def test_new_entries_replace_those_of_the_same_task():
    old = {"temperature": {"a": [1], "b": [2]}}
    new = {"temperature": {"b": [3]}, "threshold": {}}
    assert merge_calibrations(old, new) == {"temperature": {"a": [1], "b": [3]}}
    assert merge_calibrations({}, {"temperature": {}, "threshold": {"c": [4]}}) == {
        "threshold": {"c": [4]}
    }


class TestStored:
    def test_round_trip_leaves_the_weights_alone(self, model, fitted, tmp_path):
        save_model(model, tmp_path / "lauf ü" / "model")
        weights = (tmp_path / "lauf ü" / "model" / "weights.npz").read_bytes()
        store_calibration(tmp_path / "lauf ü", fitted)
        assert (tmp_path / "lauf ü" / "model" / "weights.npz").read_bytes() == weights
        loaded = load_model(tmp_path / "lauf ü")
        assert loaded.description["calibration"] == fitted
        assert loaded.description == model.description | {"calibration": fitted}
        save_model(loaded, tmp_path / "copy")
        assert load_model(tmp_path / "copy").description == loaded.description

    def test_nothing_is_written_of_a_bad_one(self, model, tmp_path):
        save_model(model, tmp_path / "m")
        before = (tmp_path / "m" / "model.json").read_bytes()
        with pytest.raises(InputError, match="calibrate again"):
            store_calibration(tmp_path / "m", {"temperature": {"posture": [{"size": [8, 8]}]}})
        assert (tmp_path / "m" / "model.json").read_bytes() == before

    def test_a_damaged_one_is_named_when_loading(self, model, tmp_path):
        save_model(model, tmp_path / "m")
        path = tmp_path / "m" / "model.json"
        text = path.read_text(encoding="utf-8").replace(
            '"trunk":', '"calibration": {"temperature": 3}, "trunk":', 1
        )
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="model.json cannot be used"):
            load_model(tmp_path / "m")
