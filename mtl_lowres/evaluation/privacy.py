"""What images give away beside what they are for, on plain arrays.

The unit that is redrawn for an interval is what the figure should hold for: other people for the
useful task, other recordings of the same people for the attack on their identity.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import INTERVAL_LEVEL

BOOTSTRAP = 1000


def rank1_figures(
    truth: ArrayLike,
    prediction: ArrayLike,
    recordings: ArrayLike,
    people: int,
    constant: ArrayLike,
    bootstrap: int = BOOTSTRAP,
    seed: int = 0,
) -> dict:
    """Return the share of images whose person is named right, with an interval over recordings.

    Args:
        truth: the person of each image [n]; of several runs, one after the other.
        prediction: the person that the attacker names [n].
        recordings: the recording of each image [n], such as its posture; the interval is drawn
            over these, since images of one recording resemble each other.
        people: number of people that the attacker knows.
        constant: what always naming the person with the most training images answers [n]; it may
            differ between runs.
        bootstrap: number of resamples; 0 for no interval.
        seed: seed of the resampling.

    Returns:
        `value`; `low` and `high`, the 95 % interval, None without resampling or where there is
        only one recording; `chance`, 1 / people; `majority`, reached by `constant`;
        `n` images and `groups` recordings.

    Raises:
        InputError: if there is no image, or the lengths differ.

    Example:
        >>> rank1_figures(["a", "b"], ["a", "a"], [1, 2], 2, ["b", "b"])["value"]
        0.5
    """
    truth, prediction, groups, constant = _aligned(truth, prediction, recordings, constant)
    group, names = pd.factorize(groups)
    images = np.bincount(group)
    right = np.bincount(group, truth == prediction)
    redrawn = _redraw(len(names), bootstrap, seed)
    low, high = _interval((redrawn @ right) / (redrawn @ images))
    return {
        "value": float(np.mean(truth == prediction)),
        "low": low,
        "high": high,
        "chance": 1 / people,
        "majority": float(np.mean(truth == constant)),
        "n": len(truth),
        "groups": len(names),
    }


def macro_f1_figures(
    truth: ArrayLike,
    prediction: ArrayLike,
    subjects: ArrayLike,
    runs: ArrayLike,
    classes: Sequence[str],
    constant: ArrayLike,
    bootstrap: int = BOOTSTRAP,
    seed: int = 0,
) -> dict:
    """Return the macro-F1, averaged over runs, with an interval over people.

    The same redrawn people are taken in every run. Macro-F1 is that of `classification_metrics`:
    the mean over the classes that occur among the truths or the predictions.

    Args:
        truth: class of each image [n]; of several runs, one after the other.
        prediction: class that the network answers [n].
        subjects: the person of each image [n].
        runs: the run that each answer is of [n], such as its seed.
        classes: all classes, at least one.
        constant: what always answering the class with the most training images answers [n].
        bootstrap: number of resamples; 0 for no interval.
        seed: seed of the resampling.

    Returns:
        What `rank1_figures` returns, with `groups` people and `majority` that of `constant`.

    Raises:
        InputError: if there is no image, the lengths differ, or a class is not in `classes`.
    """
    truth, prediction, groups, runs, constant = _aligned(
        truth, prediction, subjects, runs, constant
    )
    person, names = pd.factorize(groups)
    size = (len(names), len(classes))
    shown, answered, guessed = (
        _class_indices(labels, classes) for labels in (truth, prediction, constant)
    )
    redrawn = _redraw(len(names), bootstrap, seed)
    values, majorities, resampled = [], [], []
    for run in pd.unique(runs):
        rows = runs == run
        counts = _counts(shown[rows], answered[rows], person[rows], size)
        values.append(_macro_f1(*(count.sum(axis=0) for count in counts)))
        resampled.append(_macro_f1(*(redrawn @ count for count in counts)))
        counts = _counts(shown[rows], guessed[rows], person[rows], size)
        majorities.append(_macro_f1(*(count.sum(axis=0) for count in counts)))
    low, high = _interval(np.mean(resampled, axis=0))
    return {
        "value": float(np.mean(values)),
        "low": low,
        "high": high,
        "chance": 1 / len(classes),
        "majority": float(np.mean(majorities)),
        "n": len(truth),
        "groups": len(names),
    }


def size_of_chance(points: Sequence[Mapping]) -> tuple[int, int] | None:
    """Return the largest resolution at which the attacker cannot be told from guessing.

    That is where chance lies within or above the interval of the attacker, there and at every
    lower resolution that was measured.

    Args:
        points: dicts with `size` (height, width) and `leak`, what `rank1_figures` returns.

    Returns:
        The (height, width); None if the attacker is above chance at the lowest resolution.
    """
    found = None
    for point in sorted(points, key=lambda point: point["size"][0] * point["size"][1]):
        leak = point["leak"]
        if leak["low"] is None or leak["low"] > leak["chance"]:
            break
        found = tuple(point["size"])
    return found


def privacy_table(result: Mapping) -> pd.DataFrame:
    """Return a row for each resolution and seed, and one for all seeds together.

    Args:
        result: `metrics` (names of the two figures) and `points`, dicts with `size`, and `useful`
            and `leak` as `macro_f1_figures` and `rank1_figures` return them, with their `runs`.

    Returns:
        Columns `height`, `width`, `seed` ("all" for all together), and for each figure its name
        alone and with `_low`, `_high`, `_chance` and `_majority` behind it.
    """
    rows = []
    for point in result["points"]:
        kinds = {name: [*point[name]["runs"], point[name]] for name in result["metrics"]}
        for measured in zip(*kinds.values(), strict=True):
            height, width = point["size"]
            row = {"height": height, "width": width, "seed": measured[0].get("seed", "all")}
            for metric, figures in zip(result["metrics"].values(), measured, strict=True):
                row[metric] = figures["value"]
                for name in ("low", "high", "chance", "majority"):
                    row[f"{metric}_{name}"] = figures[name]
            rows.append(row)
    return pd.DataFrame(rows)


def privacy_text(result: Mapping) -> str:
    """Return the figures of all seeds as an aligned table, and what follows from them.

    Args:
        result: as for `privacy_table`, with `conclusion`, and with a `resolution` in each point.
    """
    rows = []
    for point in result["points"]:
        row = {"resolution": point["resolution"]}
        for kind, metric in result["metrics"].items():
            figures = point[kind]
            low, high = figures["low"], figures["high"]
            spread = "" if figures["std"] is None else f" ± {figures['std']:.4f}"
            row[metric] = f"{figures['value']:.4f}{spread}"
            row[f"95 % ({kind})"] = "" if low is None else f"{low:.3f}–{high:.3f}"
            row[f"chance ({kind})"] = f"{figures['chance']:.4f}"
        rows.append(row)
    return f"{pd.DataFrame(rows).to_string(index=False)}\n{result['conclusion']}"


def conclusion(points: Sequence[Mapping]) -> str:
    """Say in a sentence at which resolution the attacker falls to chance.

    Args:
        points: as for `size_of_chance`, with `resolution`, their text.
    """
    size = size_of_chance(points)
    ordered = sorted(points, key=lambda point: point["size"][0] * point["size"][1])
    if size is not None:
        at = next(point["resolution"] for point in ordered if tuple(point["size"]) == size)
        return f"From {at} pixels down, chance is within the attacker's interval."
    lowest = ordered[0]
    times = lowest["leak"]["value"] / lowest["leak"]["chance"]
    return (
        f"The attacker does not fall to chance: at {lowest['resolution']} pixels it names "
        f"{times:.1f} times as many images right as guessing would."
    )


def _aligned(*columns: ArrayLike) -> list[np.ndarray]:
    columns = [np.asarray(column, dtype=object) for column in columns]
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise InputError(
            f"columns of lengths {', '.join(map(str, lengths))}: give one value of each an image, "
            "and at least one image"
        )
    return columns


def _class_indices(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    indices = pd.Index(classes).get_indexer(labels)
    if (indices < 0).any():
        raise InputError(
            f"class {labels[indices.argmin()]!r} is not among the {len(classes)} classes: give all"
        )
    return indices


def _counts(shown, answered, person, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return true positives, true images and answers, each [people, classes]."""
    tables = []
    for labels, rows in ((shown, shown == answered), (shown, slice(None)), (answered, slice(None))):
        table = np.zeros(size, np.int64)
        np.add.at(table, (person[rows], labels[rows]), 1)
        tables.append(table)
    return tuple(tables)


def _macro_f1(hits: np.ndarray, support: np.ndarray, claims: np.ndarray) -> np.ndarray:
    """Return macro-F1 from counts [..., classes]."""
    occurrences = support + claims
    f1 = 2 * hits / np.maximum(occurrences, 1)
    return f1.sum(axis=-1) / (occurrences > 0).sum(axis=-1)


def _redraw(groups: int, bootstrap: int, seed: int) -> np.ndarray:
    """Return how often each group is drawn in each resample, [resamples, groups]."""
    if groups < 2:
        bootstrap = 0
    shares = np.full(groups, 1 / groups)
    return np.random.default_rng(seed).multinomial(groups, shares, bootstrap)


def _interval(values: np.ndarray) -> tuple[float | None, float | None]:
    if not len(values):
        return None, None
    tail = (1 - INTERVAL_LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
