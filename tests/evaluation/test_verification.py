"""Against scikit-learn, a plain grid search, and by hand."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.verification import (
    best_threshold,
    pair_scores,
    rank1_identification,
    roc_curve,
    verification_metrics,
)


def _drawn(count=2000, folds=10, decimals=3, seed=0):
    """Scores with ties, both kinds in every fold."""
    rng = np.random.default_rng(seed)
    same = np.arange(count) % 2
    scores = np.round(rng.normal(size=count) * 0.3 + 0.4 * same, decimals)
    return scores, same, np.arange(count) // 2 % folds + 1


def test_cosines_by_hand():
    scores = pair_scores([[3, 4], [1, 0], [0, 0]], [[4, 3], [-2, 0], [1, 1]])
    np.testing.assert_allclose(scores, [24 / 25, -1, 0])


def test_mean_of_the_other_folds_is_subtracted():
    """Fold 1 loses the mean of the four embeddings of fold 2, (1, 1), and fold 2 that of fold 1."""
    first, second = [[2, 1], [0, 1], [4, 1]], [[1, 2], [2, 1], [-2, 1]]
    scores = pair_scores(first, second, [1, 2, 2], subtract_mean=True)
    mean = np.array([1.5, 1.5])
    expected = [0.0, np.dot([0, 1] - mean, [2, 1] - mean), np.dot([4, 1] - mean, [-2, 1] - mean)]
    expected[1] /= np.linalg.norm([0, 1] - mean) * np.linalg.norm([2, 1] - mean)
    expected[2] /= np.linalg.norm([4, 1] - mean) * np.linalg.norm([-2, 1] - mean)
    np.testing.assert_allclose(scores, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2]], [[1, 2], [3, 4]]), r"shapes \(1, 2\) and \(2, 2\)"),
        (([1, 2], [1, 2]), "are no pairs"),
        (([[1, 2], [np.nan, 0]], [[1, 2], [3, 4]]), "pair 1 has an embedding that is not finite"),
        (([[1, 2]], [[1, 2]], [1], True), "subtract_mean with 1 folds for 1 pairs"),
        (([[1, 2]], [[1, 2]], None, True), "subtract_mean with 0 folds"),
    ],
)
def test_embeddings_that_cannot_be_compared(arguments, message):
    with pytest.raises(InputError, match=message):
        pair_scores(*arguments)


@pytest.mark.parametrize("decimals", [1, 6])
def test_curve_and_area_are_those_of_scikit_learn(decimals):
    scores, same, folds = _drawn(decimals=decimals)
    expected = sklearn_curve(same, scores, drop_intermediate=False)
    for ours, theirs in zip(roc_curve(scores, same), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)
    metrics = verification_metrics(scores, same, folds, bootstrap=0)
    assert metrics["auc"] == pytest.approx(roc_auc_score(same, scores))
    far, tar, _ = expected
    for name, rate in (("tar@far=1e-1", 0.1), ("tar@far=1e-2", 0.01), ("tar@far=1e-3", 0.001)):
        assert metrics[name] == pytest.approx(tar[far <= rate + 1e-12].max())
    eer = metrics["eer"]
    assert np.interp(eer, far, tar) == pytest.approx(1 - eer, abs=0.5 if decimals == 1 else 2e-3)


def test_equal_error_rate_between_two_points():
    """From (0, 1/2) to (1/2, 1) the curve is tar = 1/2 + far, which is 1 - far at far = 1/4."""
    scores, same = [0.9, 0.5, 0.5, 0.1] * 2, [1, 1, 0, 0] * 2
    metrics = verification_metrics(scores, same, [1] * 4 + [2] * 4, bootstrap=0)
    assert metrics["eer"] == pytest.approx(0.25)
    assert metrics["auc"] == pytest.approx(7 / 8)


def test_thresholds_are_the_best_of_the_other_folds():
    scores, same, folds = _drawn(400, folds=4)
    metrics = verification_metrics(scores, same, folds, bootstrap=0)
    grid = np.arange(-2, 2, 1e-4) + 5e-5  # between the scores, which have three decimals
    for fold in range(1, 5):
        others = folds != fold
        right = (scores[others] >= grid[:, None]) == (same[others] == 1)
        best = right.mean(axis=1).max()
        threshold = metrics["thresholds"][fold]
        ties = grid[right.mean(axis=1) == best]
        assert ties.min() - 1e-3 <= threshold <= ties.max() + 1e-3
        accuracy = ((scores[~others] >= threshold) == (same[~others] == 1)).mean()
        assert metrics["fold_accuracies"][fold] == pytest.approx(accuracy)
    accuracies = list(metrics["fold_accuracies"].values())
    assert metrics["4fold_accuracy"] == pytest.approx(np.mean(accuracies))
    assert metrics["4fold_deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    assert "lfw_10fold_accuracy" not in metrics


@pytest.mark.parametrize(
    ("scores", "same", "expected"),
    [
        ([0.2, 0.6], [0, 1], 0.4),
        ([0.1, 0.3, 0.5, 0.9], [0, 1, 0, 1], (0.2 + 0.7) / 2),  # both tell three of four right
        ([0.2, 0.4, 0.9], [0, 0, 0], 0.9),
        ([0.2, 0.4, 0.9], [1, 1, 1], 0.2),
    ],
)
def test_threshold_by_hand(scores, same, expected):
    assert best_threshold(np.array(scores), np.array(same)) == pytest.approx(expected)


def test_groups_have_thresholds_of_their_own():
    """The second model's scores are those of the first plus 5: neither disturbs the other."""
    scores, same, folds = _drawn()
    groups = (folds > 5).astype(int)
    metrics = verification_metrics(scores + 5 * groups, same, folds, groups=groups, bootstrap=20)
    parts = [
        verification_metrics(scores[groups == g], same[groups == g], folds[groups == g])
        for g in (0, 1)
    ]
    expected = np.mean([part["5fold_accuracy"] for part in parts])
    assert metrics["lfw_10fold_accuracy"] == pytest.approx(expected)
    for name in ("auc", "eer", "tar@far=1e-1", "tar@far=1e-2"):
        assert metrics[name] == pytest.approx(np.mean([part[name] for part in parts]))
    mixed = verification_metrics(scores + 5 * groups, same, folds, bootstrap=0)
    assert mixed["auc"] < metrics["auc"] - 0.1


def test_intervals_hold_the_figures_and_repeat():
    scores, same, folds = _drawn()
    metrics = verification_metrics(scores, same, folds, bootstrap=200, seed=3)
    assert json.loads(json.dumps(metrics))["interval"] == metrics["interval"]
    assert metrics["interval"]["level"] == 0.95 and metrics["bootstrap_over"] == "pairs"
    for name in ("lfw_10fold_accuracy", "auc", "eer", "tar@far=1e-1", "tar@far=1e-2"):
        low, high = metrics["interval"][name]
        assert low <= metrics[name] <= high
    # The deviation of a share p of n independent samples is sqrt(p (1 - p) / n).
    low, high = metrics["interval"]["lfw_10fold_accuracy"]
    accuracy = metrics["lfw_10fold_accuracy"]
    width = 2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / len(scores))
    assert high - low == pytest.approx(width, rel=0.25)
    assert verification_metrics(scores, same, folds, bootstrap=200, seed=3) == metrics
    assert verification_metrics(scores, same, folds, bootstrap=0)["interval"] is None


def test_constant_scores_are_chance():
    metrics = verification_metrics(np.full(40, 0.5), np.arange(40) % 2, np.arange(40) // 20)
    assert metrics["2fold_accuracy"] == metrics["auc"] == metrics["eer"] == 0.5
    assert metrics["tar@far=1e-1"] == 0


def test_too_few_pairs_for_a_rate():
    """Of 50 pairs of two people none is a thousandth or a hundredth."""
    scores, same, folds = _drawn(100)
    metrics = verification_metrics(scores, same, folds)
    assert metrics["tar@far=1e-1"] is not None
    assert metrics["tar@far=1e-2"] is metrics["tar@far=1e-3"] is None
    assert "tar@far=1e-2" not in metrics["interval"]


GOOD = {"scores": [0.9, 0.1, 0.8, 0.2], "same": [1, 0, 1, 0], "folds": [1, 1, 2, 2]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": [], "same": [], "folds": []}, "there is no pair"),
        ({"same": [1, 0]}, "2 same for 4 scores"),
        ({"same": [1, 0, 1, 2]}, "same of pair 3 is 2"),
        ({"same": [1, 1, 1, 1]}, "fold 1 has only pairs of one person"),
        ({"same": [1, 0, 0, 0]}, "fold 2 has only pairs of two people"),
        ({"folds": [1, 1, 1, 1]}, "fold 1 has no other fold"),
        ({"groups": [0, 0, 1, 1]}, "fold 1 has no other fold .*of each group"),
        ({"groups": [0, 1, 1, 1]}, "fold 1 is in 2 groups"),
        ({"scores": [0.9, np.nan, 0.8, 0.2]}, r"pair 1 is nan \(1 such pairs\)"),
    ],
)
def test_pairs_that_cannot_be_measured(changes, message):
    assert verification_metrics(**GOOD)["2fold_accuracy"] == 1.0
    with pytest.raises(InputError, match=message):
        verification_metrics(**{**GOOD, **changes})


@pytest.mark.parametrize(("kind", "who"), [(0, "two people"), (1, "one person")])
def test_no_curve_of_one_kind(kind, who):
    with pytest.raises(InputError, match=f"all pairs show {who}"):
        roc_curve([0.1, 0.2], [kind, kind])


def test_rank1_is_offered_here():
    assert rank1_identification(np.eye(4), list("aabb"))["people"] == 2


def test_thresholds_chosen_elsewhere():
    """Fold 2's scores are 10 higher, as its threshold is: only what lies above it matters."""
    scores, same, folds = _drawn(400, folds=2)
    level = np.where(folds == 2, 10.2, 0.2)
    chosen = verification_metrics(
        scores + level - 0.2, same, folds, thresholds={1: 0.2, 2: 10.2}, bootstrap=20
    )
    assert chosen["thresholds"] == {1: 0.2, 2: 10.2}
    right = (scores >= 0.2) == (same == 1)
    for fold in (1, 2):
        # A score that equals the threshold may be rounded to either side of it.
        exact = np.count_nonzero(np.isclose(scores[folds == fold], 0.2))
        expected = right[folds == fold].mean()
        assert chosen["fold_accuracies"][fold] == pytest.approx(expected, abs=exact / 200 + 1e-9)
    low, high = chosen["interval"]["2fold_accuracy"]
    assert low < chosen["2fold_accuracy"] < high
    assert chosen["auc"] == pytest.approx(roc_auc_score(same, scores), abs=1e-3)
    with pytest.raises(InputError, match="fold 2 has no threshold: give one to each fold"):
        verification_metrics(scores, same, folds, thresholds={1: 0.2})
