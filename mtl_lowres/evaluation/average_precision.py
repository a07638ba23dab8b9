"""Average precision as PASCAL VOC defines it, in both forms, and how much of a gap is closed.

The curve has a point at each different score, so that equal scores count at once and the order of
the samples does not matter; the devkit would take them in the order of its files.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import UNLABELLED, classification_metrics

Method = Literal["area", "11_point"]
METHODS = ("area", "11_point")
# Of the test samples, which tell a gap from chance.
_RESAMPLES = 100


def average_precision(
    scores: ArrayLike, relevant: ArrayLike, *, method: Method = "area"
) -> float | None:
    """Return the average precision of one class, from 0 to 1.

    Precision at a recall is the highest at that recall or above. It is averaged over the whole
    curve ("area": VOC 2010 and later) or over the recalls 0, 0.1, ... 1 ("11_point": VOC 2007).
    Scikit-learn's `average_precision_score` takes the precision as it is, and is never above
    "area".

    Args:
        scores: [n], higher for what is rather of the class.
        relevant: [n], 1 (or True) for what is of the class and 0 for what is not. -1 or a missing
            value is left out, as the benchmark leaves out what is difficult.
        method: "area" or "11_point".

    Returns:
        None where nothing is relevant.

    Raises:
        InputError: if the lengths differ, a score is not finite, a label is none of these, or the
            method is unknown.

    Example:
        >>> average_precision([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0])
        0.8333333333333333
    """
    scores, relevant = np.asarray(scores, float), _with_nan(relevant)
    if scores.ndim != 1 or scores.shape != relevant.shape:
        raise InputError(
            f"scores have shape {scores.shape} and labels {relevant.shape}: give one of each a "
            "sample"
        )
    return average_precisions(scores[:, None], relevant[:, None], method=method)[0]


def average_precisions(
    scores: ArrayLike, labels: ArrayLike, *, method: Method = "area"
) -> list[float | None]:
    """Return the average precision of each class against the rest.

    Args:
        scores: [n, classes].
        labels: class index [n]; or, where a sample may be of several classes, 0 or 1 [n, classes].
            -1 or a missing value is left out, in the second form for that class alone.
        method: "area" or "11_point"; see `average_precision`.

    Returns:
        One a class; None where nothing is of the class.

    Raises:
        InputError: if shapes disagree, a score is not finite, a label is none of these, or the
            method is unknown.
    """
    if method not in METHODS:
        raise InputError(f"average precision: method={method!r}: give {' or '.join(METHODS)}")
    scores, relevance = _checked(scores, labels)
    return [
        _average(*_known(*column), method) for column in zip(scores.T, relevance.T, strict=True)
    ]


def mean_average_precision(
    scores: ArrayLike, labels: ArrayLike, *, method: Method = "area"
) -> float | None:
    """Return the mean of `average_precisions` over the classes that have one, None if none has."""
    return _mean(average_precisions(scores, labels, method=method))


def retrieval_figures(scores: ArrayLike, labels: ArrayLike, class_names: Sequence[str]) -> dict:
    """Return every figure about the scores of one-vs-rest classifiers, as `json.dump` takes it.

    Args:
        scores: [n, classes].
        labels: class index [n], or 0 and 1 [n, classes]; see `average_precisions`.
        class_names: one name a class.

    Returns:
        `mean_ap_area` and `mean_ap_11_point` (None where no class has any sample); where labels are
        indices, `accuracy` and `macro_f1` of the class of the highest score too (see
        `classification_metrics`); `per_class`, a list of {"name", "ap_area", "ap_11_point",
        "positives", "n"}; and `n`, the samples with a label.

    Raises:
        InputError: as `average_precisions`, or if there are more or fewer names than classes.
    """
    scores, relevance = _checked(scores, labels)
    if len(class_names) != scores.shape[1]:
        raise InputError(
            f"{len(class_names)} class names for {scores.shape[1]} columns of scores: give one a "
            "column"
        )
    precisions = {m: average_precisions(scores, relevance, method=m) for m in METHODS}
    figures = {f"mean_ap_{method}": _mean(values) for method, values in precisions.items()}
    if np.ndim(labels) == 1:
        metrics = classification_metrics(labels, scores, bootstrap=0)
        figures |= {name: metrics[name] for name in ("accuracy", "macro_f1")}
    figures["per_class"] = [
        {
            "name": str(name),
            **{f"ap_{method}": precisions[method][column] for method in METHODS},
            "positives": int(np.nansum(relevance[:, column])),
            "n": int(np.isfinite(relevance[:, column]).sum()),
        }
        for column, name in enumerate(class_names)
    ]
    figures["n"] = int(np.isfinite(relevance).any(axis=1).sum())
    return figures


def compare_inputs(
    scores: Mapping[str, ArrayLike], labels: ArrayLike, class_names: Sequence[str]
) -> dict[str, dict]:
    """Return the figures of classifiers of the same samples that differ in what they read.

    Args:
        scores: input -> [n, classes], with an input `hr` and an input `lr`, the upper and the lower
            bound.
        labels: see `retrieval_figures`.
        class_names: one name a class.

    Returns:
        Input -> what `retrieval_figures` gives, and `gap_closed`: metric -> share of the gap from
        `lr` to `hr` that this input closes; None where there is none. Nor is there any where the
        mean average precision (area) of `hr` is above that of `lr` by less than twice the standard
        error of the difference, by bootstrap over the samples: shares of it would be chance.

    Raises:
        InputError: if `hr` or `lr` is not there, or `retrieval_figures` refuses one.
    """
    missing = [name for name in ("hr", "lr") if name not in scores]
    if missing:
        raise InputError(
            f"no scores of the input {missing[0]!r}, only {list(scores)}: the gap is between 'lr' "
            "and 'hr'"
        )
    figures = {name: retrieval_figures(own, labels, class_names) for name, own in scores.items()}
    low, high = figures["lr"], figures["hr"]
    metrics = [name for name, value in high.items() if isinstance(value, float)]
    certain = _is_above(*(_checked(scores[name], labels) for name in ("hr", "lr")))
    gaps = {
        name: {
            metric: gap_closed(own[metric], low[metric], high[metric]) if certain else None
            for metric in metrics
        }
        for name, own in figures.items()
    }
    return {name: {**own, "gap_closed": gaps[name]} for name, own in figures.items()}


def gap_closed(value: float, low: float, high: float) -> float | None:
    """Return the share of the way from the lower to the upper bound; None where there is no gap.

    Example:
        >>> round(gap_closed(80.0, low=78.1, high=89.1), 3)
        0.173
    """
    return (value - low) / (high - low) if high > low else None


def _is_above(*both: tuple[np.ndarray, np.ndarray]) -> bool:
    """Return whether the first of two scores, each with its relevance, is better beyond chance."""
    random = np.random.default_rng(0)
    samples = len(both[0][0])
    differences = []
    for rows in [np.arange(samples), *random.integers(0, samples, (_RESAMPLES, samples))]:
        first, second = (_mean_area(scores[rows], relevance[rows]) for scores, relevance in both)
        if first is not None:  # a resample may be without any class
            differences.append(first - second)
    return bool(differences) and differences[0] > 2 * np.std(differences[1:])


def _mean_area(scores: np.ndarray, relevance: np.ndarray) -> float | None:
    columns = zip(scores.T, relevance.T, strict=True)
    return _mean([_average(*_known(*column), "area") for column in columns])


def _average(scores: np.ndarray, relevant: np.ndarray, method: Method) -> float | None:
    positives = int(relevant.sum())
    if not positives:
        return None
    order = np.argsort(-scores)
    last_of_equals = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    hits = relevant[order].cumsum()[last_of_equals]
    precision = hits / (last_of_equals + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if method == "area":
        return float((np.diff(hits, prepend=0) * best).sum() / positives)
    # In whole numbers: 3 of 10 must reach the recall 0.3, which floats may miss.
    firsts = [np.argmax(10 * hits >= tenths * positives) for tenths in range(11)]
    return float(best[firsts].mean())


def _known(scores: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(relevant)
    return scores[known], relevant[known]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [n, classes] and relevance [n, classes]: 1, 0, or NaN where left out."""
    scores, labels = np.asarray(scores, float), _with_nan(labels)
    if scores.ndim != 2 or not scores.shape[1]:
        raise InputError(f"scores have shape {scores.shape}: give [n, classes], one row a sample")
    samples, classes = scores.shape
    if labels.shape not in ((samples,), (samples, classes)):
        raise InputError(
            f"scores have shape {scores.shape} and labels {labels.shape}: give one class index a "
            "sample, or 0 or 1 a sample and class"
        )
    bad = np.argwhere(~np.isfinite(scores))
    if len(bad):
        raise InputError(
            f"the score of row {bad[0][0]} for class {bad[0][1]} is {scores[tuple(bad[0])]} "
            f"({len(bad)} such scores): the model has diverged; train again with a smaller "
            "learning rate"
        )
    highest = 1 if labels.ndim == 2 else classes - 1
    odd = np.argwhere(np.isfinite(labels) & ~np.isin(labels, np.arange(highest + 1)))
    if len(odd):
        raise InputError(
            f"the label of row {odd[0][0]} is {labels[tuple(odd[0])]:g}: give 0 to {highest}, or "
            "-1 where it is left out"
        )
    if labels.ndim == 2:
        return scores, labels
    relevance = (labels[:, None] == np.arange(classes)).astype(float)
    relevance[np.isnan(labels)] = np.nan
    return scores, relevance


def _with_nan(labels: ArrayLike) -> np.ndarray:
    """Return labels as floats, NaN where they are missing."""
    labels = np.asarray(labels, object)
    known = ~pd.isna(labels)
    numbers = np.full(labels.shape, np.nan)
    try:
        numbers[known] = labels[known].astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(f"labels are not numbers ({error}): give 0 and 1, or indices") from error
    numbers[numbers == UNLABELLED] = np.nan
    return numbers
