"""One network against several: figures by hand, costs of saved models."""

import pytest

from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, save_model
from mtl_lowres.training import compare
from mtl_lowres.training.compare import average_comparisons, compare_costs, compare_runs
from mtl_lowres.training.config import TrainConfig


def _run(**figures):
    return {"splits": {"test": figures}}


POSTURE = {"per_class": [{}, {}, {}, {}]}


def test_change_is_relative_and_positive_where_the_joint_network_is_better():
    joint = _run(
        posture={"macro_f1": 0.88, **POSTURE}, age={"mae_years": 6.0, "median_mae_years": 20.0}
    )
    single = {
        "posture": _run(posture={"macro_f1": 0.80, **POSTURE}),
        "age": _run(age={"mae_years": 5.0, "median_mae_years": 20.0}),
    }
    comparison = compare_runs(joint, single)
    posture, age = comparison["rows"]
    # (0.88 - 0.80) / 0.80 = 10 %; an error that grows from 5 to 6 years is 20 % worse.
    assert posture["change"] == pytest.approx(10)
    assert age["change"] == pytest.approx(-20)
    assert comparison["delta_m"] == pytest.approx(-5)
    assert (posture["chance"], age["chance"]) == (0.25, 20.0)


def test_a_task_without_a_right_answer_is_left_out_of_the_mean():
    joint = _run(posture={"macro_f1": 0.5, **POSTURE}, action={"macro_f1": 0.6, **POSTURE})
    single = {
        "posture": _run(posture={"macro_f1": 0.0, **POSTURE}),
        "action": _run(action={"macro_f1": 0.5, **POSTURE}),
    }
    comparison = compare_runs(joint, single)
    assert comparison["rows"][0]["change"] is None
    assert comparison["delta_m"] == pytest.approx(20)
    average = average_comparisons([comparison, comparison])
    assert average["rows"][0]["change"] is None
    assert average["delta_m"] == pytest.approx(20)


def test_average_over_seeds_has_the_sample_deviation():
    seeds = [
        {"rows": [{"task": "a", "single": s, "joint": j, "change": c}], "delta_m": c}
        for s, j, c in ((0.5, 0.6, 20.0), (0.5, 0.5, 0.0))
    ]
    average = average_comparisons(seeds)
    row = average["rows"][0]
    assert (row["joint"], row["change"], average["delta_m"]) == pytest.approx((0.55, 10, 10))
    assert row["joint_std"] == pytest.approx(0.1 / 2**0.5)
    assert row["single_std"] == 0
    assert average["delta_m_std"] == pytest.approx(20 / 2**0.5)


def test_one_seed_has_no_deviation():
    one = {"rows": [{"task": "a", "single": 1, "joint": 1, "change": 0}], "delta_m": 0.0}
    average = average_comparisons([one])
    assert average["delta_m_std"] is None and average["rows"][0]["joint_std"] is None


def test_costs_add_up(tmp_path):
    heads = {"a": Posture(3), "b": Posture(5)}
    save_model(build_model("cnn3", heads, (16, 16, 3)), tmp_path / "joint" / "model")
    for task, head in heads.items():
        model = build_model("cnn3", {task: head}, (16, 16, 3))
        save_model(model, tmp_path / task / "model")
    joint, mean, together = compare_costs(
        tmp_path / "joint", {task: tmp_path / task for task in heads}, repeats=2
    )
    assert mean["parameters"] * 2 == together["parameters"]
    # The joint network has one trunk and both heads.
    assert mean["parameters"] < joint["parameters"] < together["parameters"]
    assert mean["multiply_adds"] < joint["multiply_adds"] < together["multiply_adds"]
    assert all(line["milliseconds"] > 0 for line in (joint, mean, together))


def test_single_task_networks_are_trained_alike_but_for_the_weighting(monkeypatch, tmp_path):
    calls = []

    def record(config, manifest, run_dir, **options):
        calls.append((config, run_dir))
        return config.tasks

    monkeypatch.setattr(compare, "train", record)
    config = TrainConfig(
        tasks=("posture", "age"),
        heads={"age": "age(method='dex')"},
        weighting="uncertainty",
        monitor="age_mae_years",
        epochs=7,
    )
    runs = compare.train_single_tasks(config, None, tmp_path)
    assert runs == {"posture": ("posture",), "age": ("age",)}
    (posture, posture_dir), (age, age_dir) = calls
    assert (posture_dir, age_dir) == (tmp_path / "posture", tmp_path / "age")
    assert (posture.heads, age.heads) == ({}, {"age": "age(method='dex')"})
    for alone in (posture, age):
        assert (alone.weighting, alone.monitor, alone.epochs) == ("equal", "", 7)
