"""Figures of a privacy measurement, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.privacy import (
    conclusion,
    macro_f1_figures,
    privacy_table,
    privacy_text,
    rank1_figures,
    size_of_chance,
)


def test_rank1_by_hand():
    # Three of four right; naming "b" always is right once; two of the recordings are all right.
    figures = rank1_figures(list("aabc"), list("aabb"), [1, 1, 2, 3], 5, list("bbbb"))
    assert figures["value"] == 0.75
    assert (figures["chance"], figures["majority"]) == (0.2, 0.25)
    assert (figures["n"], figures["groups"]) == (4, 3)
    # The extremes of redrawing three recordings with 2/2, 1/1 and 0/1 right are all and none.
    assert (figures["low"], figures["high"]) == (0, 1)


def test_the_interval_of_rank1_is_as_wide_as_recordings_differ():
    rng = np.random.default_rng(0)
    recordings = np.repeat(np.arange(40), 25)
    # Each recording is all right or all wrong: the deviation is that of 40 draws, not of 1000.
    right = np.repeat(rng.random(40) < 0.5, 25)
    truth = np.zeros(1000, int)
    figures = rank1_figures(truth, np.where(right, 0, 1), recordings, 2, truth)
    share = right.mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 40)
    assert figures["high"] - figures["low"] == pytest.approx(2 * half, rel=0.15)


@pytest.mark.parametrize("options", [{"bootstrap": 0}, {}])
def test_no_interval_without_resampling_or_with_one_recording(options):
    recordings = [1, 2] if options else [1, 1]
    figures = rank1_figures(["a", "b"], ["a", "a"], recordings, 2, ["a", "a"], **options)
    assert figures["low"] is None and figures["high"] is None


def test_macro_f1_is_the_mean_of_scikit_learns_over_runs():
    rng = np.random.default_rng(0)
    classes = ["sit", "stand", "lie", "never"]
    truth = rng.choice(classes[:3], 60)
    prediction = np.where(rng.random(60) < 0.7, truth, rng.choice(classes[:3], 60))
    runs, people = np.repeat([0, 1], 30), np.tile(np.repeat(["p", "q", "é"], 10), 2)
    figures = macro_f1_figures(truth, prediction, people, runs, classes, ["sit"] * 60)
    wanted, majority = (
        np.mean([f1_score(truth[runs == r], p[runs == r], average="macro") for r in (0, 1)])
        for p in (prediction, np.full(60, "sit"))
    )
    assert figures["value"] == pytest.approx(wanted)
    assert figures["majority"] == pytest.approx(majority)
    assert figures["chance"] == 0.25
    assert figures["groups"] == 3
    assert figures["low"] <= figures["value"] <= figures["high"]
    again = macro_f1_figures(truth, prediction, people, runs, classes, ["sit"] * 60)
    assert figures == again


def test_the_same_people_are_redrawn_in_every_run():
    # Person p is always right, q never, so that redrawing p or q twice gives 1 or 0. If the runs
    # redrew on their own, both would seldom be 1 and the mean's interval would be narrower.
    runs = np.repeat(np.arange(8), 4)
    columns = (list("abab") * 8, list("abba") * 8, list("ppqq") * 8)
    figures = macro_f1_figures(*columns, runs, ["a", "b"], ["a"] * 32)
    assert (figures["low"], figures["high"]) == (0, 1)


def _point(size, low, chance=0.1):
    leak = {"value": low + 0.05, "low": low, "high": low + 0.1, "chance": chance}
    return {"size": [size, size], "resolution": f"{size}x{size}", "leak": leak}


@pytest.mark.parametrize(
    ("lows", "size"),
    [
        ({16: 0.5, 8: 0.3, 4: 0.2}, None),
        ({16: 0.5, 8: 0.3, 4: 0.08}, (4, 4)),
        ({4: 0.08, 16: 0.5, 8: 0.1}, (8, 8)),
        ({16: 0.05, 8: 0.2, 4: 0.05}, (4, 4)),  # 16 may be luck: at 8 the attacker does better
    ],
)
def test_size_of_chance(lows, size):
    points = [_point(*entry) for entry in lows.items()]
    assert size_of_chance(points) == size
    text = conclusion(points)
    assert (f"From {size[0]}x{size[0]} pixels" in text) if size else ("at 4x4 pixels" in text)


def test_without_an_interval_nothing_is_said_to_be_chance():
    point = _point(4, 0.05)
    point["leak"]["low"] = None
    assert size_of_chance([point]) is None


def test_tables():
    values = {"low": 0.4, "high": 0.6, "chance": 0.1, "majority": 0.2}
    point = {"size": [16, 8], "resolution": "16x8"}
    for kind in ("useful", "leak"):
        runs = [{"seed": 0, "value": 0.45, **values}, {"seed": 1, "value": 0.55, **values}]
        point[kind] = {"value": 0.5, "std": 0.0707, "runs": runs, **values}
    metrics = {"useful": "posture_macro_f1", "leak": "rank1_unseen_posture"}
    result = {"metrics": metrics, "points": [point], "conclusion": "So it is."}
    table = privacy_table(result)
    assert table["seed"].tolist() == [0, 1, "all"]
    assert table["rank1_unseen_posture"].tolist() == [0.45, 0.55, 0.5]
    assert (table["posture_macro_f1_chance"] == 0.1).all()
    assert (table["height"] == 16).all() and (table["width"] == 8).all()
    text = privacy_text(result)
    for part in ("16x8", "0.5000 ± 0.0707", "0.400–0.600", "So it is."):
        assert part in text


def test_errors():
    with pytest.raises(InputError, match="columns of lengths 2, 1, 2, 2"):
        rank1_figures(["a", "b"], ["a"], [1, 2], 2, ["a", "a"])
    with pytest.raises(InputError, match="at least one image"):
        rank1_figures([], [], [], 2, [])
    with pytest.raises(InputError, match="class 'c' is not among the 2"):
        macro_f1_figures(["c"], ["a"], ["p"], [0], ["a", "b"], ["a"])
