"""By hand, against the devkit's own loops, and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_recall_curve,
)

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.average_precision import (
    average_precision,
    average_precisions,
    compare_inputs,
    gap_closed,
    mean_average_precision,
    retrieval_figures,
)


def _random_problem(seed, samples=60, share=0.3):
    random = np.random.default_rng(seed)
    return random.normal(size=samples), random.random(samples) < share


def _devkit_11_points(scores, relevant):
    """VOCap.m of 2007 as it stands, for scores without ties."""
    order = np.argsort(-scores)
    hits = np.cumsum(relevant[order])
    recall, precision = hits / relevant.sum(), hits / np.arange(1, len(scores) + 1)
    total = 0
    for threshold in np.linspace(0, 1, 11):
        reached = precision[recall >= threshold - 1e-12]
        total += reached.max() / 11
    return total


def test_by_hand():
    """Hits at the ranks 1, 3 and 4 of 5: precisions 1, 2/3, 3/4, of which 2/3 rises to 3/4.

    Area: (1 + 3/4 + 3/4) / 3. Recall 1/3 covers the points 0 to 0.3, the rest reaches 3/4.
    """
    scores, relevant = [5, 4, 3, 2, 1], [1, 0, 1, 1, 0]
    assert average_precision(scores, relevant) == pytest.approx(2.5 / 3)
    expected = (4 * 1 + 7 * 0.75) / 11
    assert average_precision(scores, relevant, method="11_point") == pytest.approx(expected)


def test_a_recall_of_three_in_ten_reaches_the_point_three_tenths():
    """Three hits first, seven last of 100: the points 0 to 0.3 have precision 1, others 0.1."""
    relevant = np.r_[np.ones(3), np.zeros(90), np.ones(7)]
    figure = average_precision(-np.arange(100), relevant, method="11_point")
    assert figure == pytest.approx((4 * 1 + 7 * 0.1) / 11)


@pytest.mark.parametrize("seed", range(5))
def test_random_scores_against_the_devkit_and_scikit_learn(seed):
    scores, relevant = _random_problem(seed)
    figure = average_precision(scores, relevant, method="11_point")
    assert figure == pytest.approx(_devkit_11_points(scores, relevant))
    precision, recall, _ = precision_recall_curve(relevant, scores)
    envelope = np.maximum.accumulate(precision)  # recall falls along the arrays
    expected = -np.sum(np.diff(recall) * envelope[:-1])
    assert average_precision(scores, relevant) == pytest.approx(expected)
    assert average_precision_score(relevant, scores) <= expected + 1e-12


def test_where_precision_only_falls_it_is_scikit_learns():
    scores, relevant = -np.arange(12.0), np.r_[1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0]
    expected = average_precision_score(relevant, scores)
    assert average_precision(scores, relevant) == pytest.approx(expected)


def test_equal_scores_count_at_once():
    """Of four equal ones two are hits: precision 1/2 all over, in any order."""
    for relevant in ([1, 1, 0, 0], [0, 1, 0, 1]):
        assert average_precision(np.ones(4), relevant) == pytest.approx(0.5)
        assert average_precision(np.ones(4), relevant, method="11_point") == pytest.approx(0.5)
    rounded, relevant = np.round(_random_problem(7)[0]), _random_problem(7)[1]
    order = np.random.default_rng(0).permutation(len(rounded))
    shuffled = average_precision(rounded[order], relevant[order])
    assert average_precision(rounded, relevant) == pytest.approx(shuffled)


@pytest.mark.parametrize("method", ["area", "11_point"])
def test_nothing_all_and_one_relevant(method):
    assert average_precision([0.1, 0.2], [0, 0], method=method) is None
    assert average_precision([], [], method=method) is None
    assert average_precision([0.1, 0.2], [1, 1], method=method) == pytest.approx(1)
    assert average_precision([0.3], [True], method=method) == pytest.approx(1)
    assert average_precision([2, 1, 0, 5], [0, 0, 1, 0], method=method) == pytest.approx(0.25)


@pytest.mark.parametrize("missing", [-1, None, np.nan, pd.NA])
def test_what_has_no_label_is_left_out(missing):
    relevant = np.array([missing, 1, 0, missing, 1], object)
    expected = average_precision([4, 3, 1], [1, 0, 1])
    assert average_precision([9, 4, 3, 2, 1], relevant) == pytest.approx(expected)
    labels = pd.Series([1, 0, None], dtype="Int64")
    assert average_precision([1, 2, 3], labels) == pytest.approx(0.5)


def test_classes_against_the_rest():
    scores = [[3, 0, 0], [2, 1, 5], [1, 2, 1], [0, 9, 0]]
    by_index = average_precisions(scores, [0, 0, 1, -1])
    assert by_index == [1, 1, None]
    assert mean_average_precision(scores, [0, 0, 1, -1]) == 1
    matrix = [[1, 0, 0], [1, 0, 0], [0, 1, None], [1, 0, 1]]
    # Class 0 ranks its three 1, 2 and 4, class 1 its one second; class 2 shares the last of three.
    expected = [(1 + 1 + 3 / 4) / 3, 1 / 2, 1 / 3]
    assert average_precisions(scores, matrix) == pytest.approx(expected)
    assert mean_average_precision(scores, np.full(4, -1)) is None


def test_figures_of_indices_and_of_a_matrix():
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, 40)
    scores = random.normal(size=(40, 3)) + np.eye(3)[labels]
    figures = retrieval_figures(scores, labels, ["a", "b", "c"])
    own = [average_precision(scores[:, k], labels == k, method="11_point") for k in range(3)]
    assert figures["mean_ap_11_point"] == pytest.approx(np.mean(own))
    assert [row["ap_11_point"] for row in figures["per_class"]] == pytest.approx(own)
    assert figures["accuracy"] == pytest.approx(accuracy_score(labels, scores.argmax(1)))
    expected = f1_score(labels, scores.argmax(1), average="macro")
    assert figures["macro_f1"] == pytest.approx(expected)
    assert [row["positives"] for row in figures["per_class"]] == np.bincount(labels).tolist()
    matrix = np.eye(3)[labels]
    matrix[0] = np.nan
    matrix[1, 2] = -1
    several = retrieval_figures(scores, matrix, ["a", "b", "c"])
    assert "accuracy" not in several and several["n"] == 39
    assert [row["n"] for row in several["per_class"]] == [39, 39, 38]


def test_gap_between_the_bounds():
    """The published figures: (80.0 - 78.1) / (89.1 - 78.1)."""
    assert gap_closed(80.0, 78.1, 89.1) == pytest.approx(1.9 / 11)
    assert gap_closed(0.5, 0.8, 0.8) is None and gap_closed(0.5, 0.9, 0.8) is None
    labels = [0, 0, 1, 1]
    good, bad, middle = [3, 1, -1, -3], [-3, -1, 1, 3], [3, -1, 1, -3]
    scores = {
        name: np.stack([column, np.negative(column)], axis=1)
        for name, column in {"hr": good, "lr": bad, "transferred": middle}.items()
    }
    figures = compare_inputs(scores, labels, ["first", "second"])
    assert list(figures) == ["hr", "lr", "transferred"]
    low, high = (figures[name]["mean_ap_area"] for name in ("lr", "hr"))
    expected = (figures["transferred"]["mean_ap_area"] - low) / (high - low)
    assert figures["transferred"]["gap_closed"]["mean_ap_area"] == pytest.approx(expected)
    assert set(figures["hr"]["gap_closed"].values()) == {1.0}
    assert set(figures["lr"]["gap_closed"].values()) == {0.0}
    # A class that cannot be measured leaves no gap at all.
    empty = compare_inputs(scores, [-1] * 4, ["first", "second"])
    assert empty["lr"]["mean_ap_area"] is None and empty["lr"]["gap_closed"] == {}


@pytest.mark.parametrize(("samples", "there"), [(30, False), (3000, True)])
def test_a_gap_within_chance_is_none(samples, there):
    """The upper bound sees half as much again of the class: of few samples that says nothing."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, samples)
    signal = np.stack([1 - labels, labels], axis=1)
    noise = random.normal(size=(2, samples, 2))
    scores = {"hr": 1.5 * signal + noise[0], "lr": signal + noise[1], "other": noise[0]}
    figures = compare_inputs(scores, labels, ["a", "b"])
    assert figures["hr"]["mean_ap_area"] > figures["lr"]["mean_ap_area"]
    for name, own in figures.items():
        assert (own["gap_closed"]["mean_ap_area"] is not None) == there, name
        assert there or set(own["gap_closed"].values()) == {None}


@pytest.mark.parametrize(
    "scores, labels, message",
    [
        ([[1.0, np.nan]], [0], "row 0 for class 1 is nan"),
        ([[1.0, 2.0], [np.inf, 0.0]], [0, 1], "row 1 for class 0 is inf"),
        ([[1.0, 2.0]], [2], "label of row 0 is 2: give 0 to 1"),
        ([[1.0, 2.0]], [[2, 0]], "label of row 0 is 2: give 0 to 1"),
        ([[1.0, 2.0]], [0.5], "label of row 0 is 0.5"),
        ([[1.0, 2.0]], ["cow"], "not numbers .*'cow'"),
        ([[1.0, 2.0]], [0, 1], r"labels \(2,\)"),
        ([1.0, 2.0], [0, 1], r"shape \(2,\)"),
    ],
)
def test_what_cannot_be_measured_is_named(scores, labels, message):
    with pytest.raises(InputError, match=message):
        average_precisions(scores, labels)


def test_other_mistakes_are_named():
    with pytest.raises(InputError, match="method='voc': give area or 11_point"):
        average_precision([1], [1], method="voc")
    with pytest.raises(InputError, match=r"scores have shape \(2,\) and labels \(1,\)"):
        average_precision([1, 2], [1])
    with pytest.raises(InputError, match="1 class names for 2 columns"):
        retrieval_figures([[1, 2]], [0], ["a"])
    with pytest.raises(InputError, match="no scores of the input 'hr', only \\['lr'\\]"):
        compare_inputs({"lr": [[1, 2]]}, [0], ["a", "b"])
