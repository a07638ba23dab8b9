"""Verification on plain arrays: do two images show one person? No TensorFlow.

Source: Huang et al., "Labeled Faces in the Wild" (2007), View 2; SphereFace's `evaluation.m`.
Deviations: a threshold is the exact best between neighbouring scores, not of a grid, and with
`subtract_mean` the scores of a fold are made with one mean, wherever they are used.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import INTERVAL_LEVEL
from mtl_lowres.evaluation.identification import rank1_identification
from mtl_lowres.evaluation.pair_checks import check_folds, checked_pairs

__all__ = [
    "FALSE_ACCEPT_RATES",
    "best_threshold",
    "pair_scores",
    "rank1_identification",
    "roc_curve",
    "verification_metrics",
]

FALSE_ACCEPT_RATES = {"tar@far=1e-1": 1e-1, "tar@far=1e-2": 1e-2, "tar@far=1e-3": 1e-3}


def pair_scores(
    first: ArrayLike, second: ArrayLike, folds: ArrayLike | None = None, subtract_mean: bool = False
) -> np.ndarray:
    """Return the cosine between the two embeddings of each pair.

    Args:
        first: embeddings [n, d] of the first images.
        second: those of the second images, [n, d].
        folds: number of the fold of each pair [n]; only for `subtract_mean`.
        subtract_mean: subtract from the embeddings of a fold the mean over both images of all pairs
            of the other folds, as SphereFace's evaluation does.

    Returns:
        float64 [n] in [-1, 1]; 0 where an embedding is zero.

    Raises:
        InputError: if the shapes disagree, a value is not finite, or there are not two folds to
            subtract a mean of.

    Example:
        >>> pair_scores([[1, 0], [2, 0]], [[3, 0], [0, 1]])
        array([1., 0.])
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 2 or first.shape != second.shape:
        raise InputError(
            f"embeddings of shapes {first.shape} and {second.shape} are no pairs: give [n, d] twice"
        )
    bad = ~(np.isfinite(first) & np.isfinite(second)).all(axis=1)
    if bad.any():
        raise InputError(
            f"pair {bad.argmax()} has an embedding that is not finite ({bad.sum()} such pairs): "
            "the model has diverged; train again with a smaller learning rate"
        )
    if subtract_mean:
        mean = _mean_of_other_folds((first + second) / 2, folds)
        first, second = first - mean, second - mean
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    return np.clip(products / np.where(lengths > 0, lengths, 1), -1, 1)


def verification_metrics(
    scores: ArrayLike,
    same: ArrayLike,
    folds: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    thresholds: Mapping[int, float] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict:
    """Return every figure about scored pairs as a dict that `json.dump` accepts.

    Args:
        scores: higher where one person is likelier [n].
        same: 1 where the pair shows one person, 0 where it shows two [n].
        folds: number of the part of the pairs that each belongs to [n].
        groups: what scored each pair [n], such as 0 for the model that was trained on folds 6 to 10
            and tested on 1 to 5, and 1 for the other way round. Thresholds are then chosen on other
            folds of the same group, and all figures but the accuracy are means over the groups,
            whose scores need not be comparable. Default: one group.
        thresholds: that of each fold, chosen without its pairs, where every fold is scored by a
            metric of its own. The other figures are then of the scores minus their threshold.
            Default: chosen here.
        bootstrap: number of resamples behind `interval`; 0 for none.
        seed: seed of the resampling.

    Returns:
        A dict with these keys.

        - `lfw_10fold_accuracy` (`<k>fold_accuracy` where there are not ten folds): mean over the
          folds of the share of pairs that are told right by the threshold that is the best on the
          other folds; where several are equally good, by their mean.
        - `lfw_10fold_deviation`: standard deviation of that over the folds (of a sample, n - 1).
        - `fold_accuracies`, `thresholds`: {fold: accuracy}, {fold: threshold}.
        - `auc`: area under the ROC curve.
        - `eer`: equal error rate, where the curve, linear between its points, has as many false
          rejects as false accepts.
        - `tar@far=1e-1`, `...1e-2`, `...1e-3`: highest share of the same pairs that is accepted by
          a threshold that accepts at most this share of the others; None where there are too few
          pairs of two people for one of them to be that share.
        - `interval`: {"level": 0.95, name: [low, high]} for each figure but the deviation, from
          resampling the pairs of each kind (and, for the accuracy, with the thresholds as they
          are); None without resampling. One person is in several pairs and so these are rather too
          narrow; pairs alone do not tell people, who should be resampled.
        - `bootstrap_over` ("pairs"), `bootstrap` and `pairs`, their number.

    Raises:
        InputError: if lengths disagree, there is no pair, a score is not finite, `same` is not 0 or
            1, a fold has pairs of one kind only or no threshold, or a group has a single fold.

    Example:
        >>> verification_metrics([0.9, 0.1, 0.8, 0.2], [1, 0, 1, 0], [1, 1, 2, 2])["2fold_accuracy"]
        1.0
    """
    scores, same, folds, groups = checked_pairs(scores, same, folds, groups)
    check_folds(same, folds, groups)
    if thresholds is None:
        thresholds = _best_of_other_folds(scores, same, folds, groups)
        right = (scores >= _of_each_pair(thresholds, folds)) == (same == 1)
    else:
        scores = scores - _of_each_pair(thresholds, folds)
        right = (scores >= 0) == (same == 1)
    per_fold = {int(fold): float(right[folds == fold].mean()) for fold in np.unique(folds)}
    protocol = "lfw_10fold" if len(per_fold) == 10 else f"{len(per_fold)}fold"
    accuracies = list(per_fold.values())
    tables = [_counts(scores[groups == g], same[groups == g]) for g in np.unique(groups)]
    return {
        f"{protocol}_accuracy": float(np.mean(accuracies)),
        f"{protocol}_deviation": float(np.std(accuracies, ddof=1)),
        "fold_accuracies": per_fold,
        "thresholds": {int(fold): float(thresholds[fold]) for fold in per_fold},
        **_curve_figures(tables),
        "interval": _interval(f"{protocol}_accuracy", right, same, folds, tables, bootstrap, seed),
        "bootstrap_over": "pairs",
        "bootstrap": bootstrap,
        "pairs": len(scores),
    }


def roc_curve(scores: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return false accept rate, true accept rate and threshold, from the strictest on.

    A pair is accepted where its score is at least the threshold. The first point accepts none, at
    the threshold infinity.

    Returns:
        Three arrays float64 [distinct scores + 1].

    Raises:
        InputError: as `verification_metrics`, and if all pairs are of one kind.
    """
    scores, same, *_ = checked_pairs(scores, same)
    if len(np.unique(same)) == 1:
        which = "one person" if same[0] else "two people"
        raise InputError(f"all pairs show {which}: a ROC curve needs both kinds")
    far, tar = _rates(_counts(scores, same))
    return far, tar, np.append(np.inf, np.unique(scores)[::-1])


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """Return the threshold that tells most pairs right, the mean of all that are equally good.

    Candidates are the middles between neighbouring scores, the lowest score (which accepts all) and
    one above the highest (which accepts none).
    """
    values = np.unique(scores)
    middles = (values[1:] + values[:-1]) / 2
    candidates = np.concatenate([values[:1], middles, [np.nextafter(values[-1], np.inf)]])
    accepted_same, accepted_different = (
        np.count_nonzero(same == kind) - np.searchsorted(np.sort(scores[same == kind]), candidates)
        for kind in (1, 0)
    )
    gain = accepted_same - accepted_different
    return float(candidates[gain == gain.max()].mean())


def _best_of_other_folds(scores, same, folds, groups) -> dict[int, float]:
    thresholds = {}
    for fold in np.unique(folds):
        here = folds == fold
        others = (groups == groups[here.argmax()]) & ~here
        thresholds[int(fold)] = best_threshold(scores[others], same[others])
    return thresholds


def _of_each_pair(thresholds: Mapping[int, float], folds: np.ndarray) -> np.ndarray:
    missing = sorted(set(np.unique(folds).tolist()) - set(thresholds))
    if missing:
        raise InputError(f"fold {missing[0]} has no threshold: give one to each fold, or none")
    values, at = np.unique(folds, return_inverse=True)
    return np.array([thresholds[fold] for fold in values], np.float64)[at]


def _counts(scores: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return how many pairs of two people and of one have each score, highest first, int [2, k]."""
    values, at = np.unique(-scores, return_inverse=True)
    return np.stack([np.bincount(at[same == kind], minlength=len(values)) for kind in (0, 1)])


def _rates(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return false and true accept rates at every threshold."""
    accepted = np.concatenate([np.zeros((2, 1)), np.cumsum(counts, axis=1)], axis=1)
    far, tar = accepted / accepted[:, -1:]
    return far, tar


def _curve_figures(tables: Sequence[np.ndarray]) -> dict[str, float | None]:
    """Return AUC, EER and accept rates, means over the groups' tables of `_counts`."""
    figures: dict[str, list] = {"auc": [], "eer": [], **{name: [] for name in FALSE_ACCEPT_RATES}}
    for counts in tables:
        far, tar = _rates(counts)
        figures["auc"].append(np.diff(far) @ (tar[1:] + tar[:-1]) / 2)
        figures["eer"].append(_equal_error_rate(far, tar))
        different = counts[0].sum()
        for name, rate in FALSE_ACCEPT_RATES.items():
            # A thousandth of three thousand must be three in floating point too.
            allowed = np.floor(rate * different + 1e-9)
            within = far * different <= allowed + 0.5
            figures[name].append(tar[within].max() if allowed >= 1 else None)
    return {
        name: None if None in values else float(np.mean(values)) for name, values in figures.items()
    }


def _equal_error_rate(far: np.ndarray, tar: np.ndarray) -> float:
    excess = far - (1 - tar)  # from -1 at the strictest threshold to 1
    at = int(np.argmax(excess >= 0))
    share = -excess[at - 1] / (excess[at] - excess[at - 1])
    return float(far[at - 1] + share * (far[at] - far[at - 1]))


def _interval(
    accuracy: str,
    right: np.ndarray,
    same: np.ndarray,
    folds: np.ndarray,
    tables: Sequence[np.ndarray],
    bootstrap: int,
    seed: int,
) -> dict | None:
    """Percentile interval from pairs redrawn within their kind (and fold, for the accuracy)."""
    if bootstrap == 0:
        return None
    random = np.random.default_rng(seed)
    accuracies = np.zeros(bootstrap)
    for fold in np.unique(folds):
        in_fold = folds == fold
        for kind in (0, 1):
            cell = right[in_fold & (same == kind)]
            drawn = random.binomial(len(cell), cell.mean(), bootstrap)
            accuracies += drawn / in_fold.sum()
    resampled: dict[str, list] = {}
    for _ in range(bootstrap):
        drawn = [
            np.stack([random.multinomial(kind.sum(), kind / kind.sum()) for kind in counts])
            for counts in tables
        ]
        for name, value in _curve_figures(drawn).items():
            resampled.setdefault(name, []).append(value)
    values = {accuracy: accuracies / len(np.unique(folds)), **resampled}
    tail = (1 - INTERVAL_LEVEL) / 2
    bounds = {
        name: np.quantile(drawn, [tail, 1 - tail]).tolist()
        for name, drawn in values.items()
        if drawn[0] is not None
    }
    return {"level": INTERVAL_LEVEL, **bounds}


def _mean_of_other_folds(centres: np.ndarray, folds: ArrayLike | None) -> np.ndarray:
    """Return for each row the mean of the rows of other folds, [n, d]."""
    folds = np.asarray([] if folds is None else folds)
    if len(folds) != len(centres) or len(np.unique(folds)) < 2:
        raise InputError(
            f"subtract_mean with {len(np.unique(folds))} folds for {len(centres)} pairs: give the "
            "fold of each, at least two different ones"
        )
    means = np.empty_like(centres)
    for fold in np.unique(folds):
        means[folds == fold] = centres[folds != fold].mean(axis=0)
    return means
