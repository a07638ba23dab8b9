"""How far probabilities and similarities can be trusted, on plain arrays. No TensorFlow.

A calibration is fitted for some resolutions and stored with a model:

    {"temperature": {task: [{"size": [16, 16], "temperature": 1.7, ...}, ...]},
     "threshold": {task: [{"size": [16, 16], "far": 0.01, "threshold": 0.41, ...}, ...]}}
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError

BINS = 15
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
# Below it a probability counts as this much, so that one exact zero does not rule everything.
LEAST_PROBABILITY = 1e-12
_BISECTIONS = 60
_KINDS = ("temperature", "threshold")


def is_distribution(probabilities: np.ndarray) -> bool:
    """Return whether all rows of [n, classes] are probabilities that sum to 1 (within 1e-3)."""
    sums = probabilities.sum(axis=1)
    return bool((probabilities >= 0).all() and np.allclose(sums, 1, rtol=0, atol=1e-3))


def reliability_table(probabilities: ArrayLike, truth: ArrayLike, bins: int = BINS) -> list[dict]:
    """Return how often answers of about the same confidence are right.

    The confidence of an answer is its highest probability. Bin k of `bins` equal ones holds the
    confidences in (k / bins, (k + 1) / bins] (Guo et al., 2017, section 2).

    Args:
        probabilities: [n, classes], rows that sum to 1.
        truth: class index [n].
        bins: number of bins of equal width over [0, 1].

    Returns:
        A dict a bin that holds samples, ascending: `low`, `high` (its ends), `n` (samples),
        `confidence` (their mean) and `accuracy` (share of right ones).

    Raises:
        InputError: if the shapes disagree, a class is unknown or a row is no distribution.
    """
    probabilities, truth = _checked(probabilities, truth)
    confidence = probabilities.max(axis=1, initial=0)
    right = probabilities.argmax(axis=1) == truth
    edges = np.linspace(0, 1, bins + 1)
    places = np.searchsorted(edges[1:-1], confidence, side="left")
    return [
        {
            "low": float(edges[place]),
            "high": float(edges[place + 1]),
            "n": int((places == place).sum()),
            "confidence": float(confidence[places == place].mean()),
            "accuracy": float(right[places == place].mean()),
        }
        for place in np.unique(places)
    ]


def expected_calibration_error(
    probabilities: ArrayLike, truth: ArrayLike, bins: int = BINS
) -> float | None:
    """Return the mean gap between confidence and accuracy (Guo et al., 2017, equation 3).

    Args:
        probabilities: [n, classes], rows that sum to 1.
        truth: class index [n].
        bins: number of bins of equal width over [0, 1].

    Returns:
        The gap of each bin of `reliability_table`, weighted by its samples, in [0, 1]; None without
        samples.

    Raises:
        InputError: if the shapes disagree, a class is unknown or a row is no distribution.

    Example:
        >>> expected_calibration_error([[0.8, 0.2], [0.8, 0.2]], [0, 1])
        0.30000000000000004
    """
    return calibration_error(reliability_table(probabilities, truth, bins))


def calibration_error(reliability: Sequence[Mapping]) -> float | None:
    """Return the expected calibration error of what `reliability_table` gives."""
    samples = sum(row["n"] for row in reliability)
    if not samples:
        return None
    gaps = (row["n"] * abs(row["accuracy"] - row["confidence"]) for row in reliability)
    return float(sum(gaps) / samples)


def apply_temperature(probabilities: ArrayLike, temperature: ArrayLike) -> np.ndarray:
    """Return `p ** (1 / temperature)`, each row divided by its sum.

    It is the softmax of the logits over the temperature (Guo et al., 2017, equation 9), from the
    probabilities that heads answer; those below 1e-12 count as 1e-12. Above 1 it makes answers less
    sure; the most probable class stays.

    Args:
        probabilities: [n, classes].
        temperature: one above 0 for all rows, or one a row [n].

    Returns:
        float64 [n, classes].
    """
    logits = _logits(probabilities) / np.asarray(temperature, np.float64).reshape(-1, 1)
    return _softmax(logits)


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Return the temperature in [0.05, 20] of the lowest mean negative log-likelihood.

    In 1 / temperature the loss is convex, so that bisecting on its slope finds the lowest point.
    Where all answers are right, or all wrong, it lies beyond an end, which is then returned; where
    no temperature changes anything, as with even probabilities, it is 1.

    Args:
        probabilities: [n, classes], rows that sum to 1.
        truth: class index [n].

    Raises:
        InputError: if there is no sample, the shapes disagree, a class is unknown or a row is no
            distribution.
    """
    probabilities, truth = _checked(probabilities, truth)
    if not len(truth):
        raise InputError("no labelled sample to fit a temperature on: give rows that have labels")
    logits = _logits(probabilities)
    of_truth = logits[np.arange(len(truth)), truth]

    def slope(sharpness: float) -> float:
        return float(((_softmax(sharpness * logits) * logits).sum(axis=1) - of_truth).mean())

    low, high = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    if abs(slope(1.0)) < 1e-12:
        return 1.0
    if slope(low) >= 0:
        return HIGHEST_TEMPERATURE
    if slope(high) <= 0:
        return LOWEST_TEMPERATURE
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 1 / math.sqrt(low * high)


def threshold_at_far(scores: ArrayLike, same: ArrayLike, far: float) -> float:
    """Return the smallest threshold that accepts at most a share `far` of the different pairs.

    A pair is accepted as the same person where its score is at least the threshold. The smallest
    one is therefore the next number above a score.

    Args:
        scores: similarity of each pair [n], higher for more alike.
        same: whether it is the same person [n]; only pairs of different people count here.
        far: false accept rate, in (0, 1).

    Raises:
        InputError: if `far` is out of range, there are fewer than 1 / far different pairs, the
            shapes disagree or a score is not finite.
    """
    scores, same = _checked_scores(scores, same)
    check_far(far)
    different = np.sort(scores[~same])[::-1]
    # The small summand keeps a product such as 0.29 * 100 from falling below its whole number.
    allowed = math.floor(far * len(different) + 1e-9)
    if allowed < 1:
        raise InputError(
            f"far={far:g} needs at least {math.ceil(1 / far - 1e-9)} pairs of different people, "
            f"but there are {len(different)}: ask for a larger rate, or give more people"
        )
    highest_refused = different[min(allowed, len(different) - 1)]
    return float(np.nextafter(highest_refused, np.inf))


def check_far(far: float) -> None:
    """Check that a false accept rate is in (0, 1).

    Raises:
        InputError: if it is not.
    """
    if not 0 < far < 1:
        raise InputError(f"far={far!r} is no false accept rate: give a share between 0 and 1")


def accept_rates(scores: ArrayLike, same: ArrayLike, threshold: float) -> dict[str, float | None]:
    """Return the shares of pairs whose score is at least a threshold.

    Returns:
        `tar`, of the pairs of the same person, and `far`, of those of different people; None where
        there is no such pair.

    Raises:
        InputError: if the shapes disagree or a score is not finite.
    """
    scores, same = _checked_scores(scores, same)
    accepted = scores >= threshold
    return {
        name: float(accepted[kind].mean()) if kind.any() else None
        for name, kind in (("tar", same), ("far", ~same))
    }


def check_calibration(calibration: object) -> None:
    """Check the form of a stored calibration.

    Raises:
        InputError: if a part of it is missing or of another type.
    """
    if not isinstance(calibration, dict) or not set(calibration) <= set(_KINDS):
        raise InputError(
            f"calibration {str(calibration)[:60]!r} is not of the form "
            '{"temperature": {...}, "threshold": {...}}: calibrate again'
        )
    for kind, tasks in calibration.items():
        for task, entries in dict(tasks).items():
            if not entries or not all(_is_entry(entry, kind) for entry in entries):
                raise InputError(
                    f"{kind} of {task!r} in the calibration is {str(entries)[:60]!r}: calibrate "
                    "again"
                )


def _is_entry(entry: object, kind: str) -> bool:
    if not isinstance(entry, dict) or not {"size", kind} <= set(entry):
        return False
    size, value = entry["size"], entry[kind]
    sides = isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size)
    number = isinstance(value, (int, float)) and math.isfinite(value)
    return sides and min(size) > 0 and number and (kind != "temperature" or value > 0)


def _checked(probabilities: ArrayLike, truth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.asarray(probabilities, np.float64)
    truth = np.asarray(truth)
    if not truth.size:
        return probabilities.reshape(0, 1), truth.reshape(0).astype(np.int64)
    if probabilities.ndim != 2 or truth.shape != probabilities.shape[:1]:
        raise InputError(
            f"probabilities have shape {probabilities.shape} and truths {truth.shape}: give "
            "[n, classes] and [n]"
        )
    classes = probabilities.shape[1]
    unknown = (truth < 0) | (truth >= classes)
    if unknown.any():
        raise InputError(
            f"truth row {unknown.argmax()} is class {truth[unknown.argmax()]}: give classes from 0 "
            f"to {classes - 1}"
        )
    if not is_distribution(probabilities):
        raise InputError("rows of the probabilities do not sum to 1: give a softmax's output")
    return probabilities, truth.astype(np.int64)


def _checked_scores(scores: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, same = np.asarray(scores, np.float64), np.asarray(same).astype(bool)
    if scores.ndim != 1 or scores.shape != same.shape:
        raise InputError(f"scores have shape {scores.shape} and same {same.shape}: give [n] each")
    if not np.isfinite(scores).all():
        row = np.flatnonzero(~np.isfinite(scores))[0]
        raise InputError(
            f"scores row {row} is {scores[row]}: the model has diverged; train again with a "
            "smaller learning rate"
        )
    return scores, same


def _logits(probabilities: ArrayLike) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST_PROBABILITY))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=1, keepdims=True)
