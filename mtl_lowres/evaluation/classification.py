"""Classification metrics on plain arrays, with an interval over people. No TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.calibration import (
    calibration_error,
    is_distribution,
    reliability_table,
)

UNLABELLED = -1
TOP_K = 5
INTERVAL_LEVEL = 0.95


def classification_metrics(
    truth: ArrayLike,
    probabilities: ArrayLike,
    subjects: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict:
    """Return every figure about one classification task as a dict that `json.dump` accepts.

    The predicted class is the one of the highest probability; of equal ones, the first.

    Args:
        truth: class index [n]; -1 or a missing value marks an unlabelled sample, which is left out.
        probabilities: [n, classes]; for all but the calibration only their order matters, so that
            logits do as well.
        subjects: the person each sample shows [n], or None. Samples whose subject is missing count
            together as one more person.
        class_names: one name a class; the class indices when None.
        bootstrap: number of resamples behind `interval`; 0 for none.
        seed: seed of the resampling.

    Returns:
        A dict with these keys. The figures are None when no sample is labelled.

        - `macro_f1`: mean F1 over the classes that occur among the truths or the predictions
          (scikit-learn's rule). Where every class occurs, as on TIP38's test people, it is LowNet's
          mean over all 38. A class that nobody shows and nobody predicts is not counted as 0.
        - `accuracy`: share of samples whose predicted class is the true one (top-1).
        - `one_vs_rest_accuracy`: (TP + TN) / n of each class against the rest, averaged over all
          classes; equals 1 - 2 (1 - accuracy) / classes. It is what LowNet (ICIP 2020) publishes
          as accuracy, 98.94 % where top-1 is about 79.9 %.
        - `top5_accuracy`: share of samples whose true class is among the five most probable; only
          present with more than five classes.
        - `expected_calibration_error`: mean gap between confidence and accuracy over 15 bins (Guo
          et al., 2017), and `reliability`, those bins (see `reliability_table`); None and an empty
          list where the rows are no probabilities.
        - `per_class`: list of {"name", "precision", "recall", "f1", "support"}; a ratio without a
          denominator (a class never predicted, or never shown) is 0.
        - `confusion_matrix`: counts, a list of rows; row = truth, column = prediction.
        - `interval`: {"level": 0.95, "macro_f1": [low, high], "accuracy": [low, high]}, percentiles
          of the bootstrap; None without resampling or with a single person (or sample) to draw
          from. Intervals over a handful of people are coarse, and rather too narrow; where a class
          is shown by few people, resamples without them lower the `macro_f1` end.
        - `bootstrap_over`: "subjects", or "samples" when no subject is known: images of one person
          resemble each other, so that an interval over samples is too narrow. "samples" too where
          each class is one person, as of identity: these are the people who are to be told apart,
          and a resample without some of them would ask another question.
        - `bootstrap`, `n` (labelled samples), `n_subjects` (known people among them; 0 if unknown).

    Raises:
        InputError: if shapes disagree, a label is not in [-1, classes), or a probability is not
            finite; the message names the row.

    Example:
        >>> classification_metrics([0, 1, 1], [[.9, .1], [.2, .8], [.7, .3]])["accuracy"]
        0.6666666666666666
    """
    probabilities = _checked_probabilities(probabilities)
    classes = probabilities.shape[1]
    truth = _checked_truth(truth, *probabilities.shape)
    names = _checked_names(class_names, classes)
    labelled = truth != UNLABELLED
    people = checked_subjects(subjects, len(truth))[labelled]
    truth, probabilities = truth[labelled], probabilities[labelled]
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(truth * classes + predicted, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    over = "samples" if people.isna().all() or _classes_are_people(truth, people) else "subjects"

    return {
        **_scores(truth, probabilities, confusion),
        **_calibration(truth, probabilities),
        "per_class": _per_class(confusion, names),
        "confusion_matrix": confusion.tolist(),
        "interval": _interval(truth, predicted, people, over, classes, bootstrap, seed),
        "bootstrap": bootstrap,
        "bootstrap_over": over,
        "n": len(truth),
        "n_subjects": int(people.nunique()),
    }


def summarise_seeds(runs: Sequence[Mapping]) -> dict[str, dict]:
    """Return mean and sample standard deviation of every figure over runs that differ in the seed.

    Args:
        runs: one dict a run, as `classification_metrics` returns; every float in it is a figure
            (counts, which are ints, and nested values are not).

    Returns:
        {metric: {"mean", "std", "n", "values"}}. `std` divides by n - 1, and is None for one run: a
        single run says nothing about the spread. A run in which the figure is None is left out, and
        `n` tells.
    """
    metrics = dict.fromkeys(
        name for run in runs for name, value in run.items() if isinstance(value, float)
    )
    summary = {}
    for metric in metrics:
        values = [float(run[metric]) for run in runs if run.get(metric) is not None]
        summary[metric] = {
            "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "n": len(values),
            "values": values,
        }
    return summary


def format_mean_std(summary: Mapping, digits: int = 4) -> str:
    """Return one entry of `summarise_seeds` as text.

    Example:
        >>> format_mean_std({"mean": 0.9123, "std": 0.0061, "n": 5})
        '0.9123 ± 0.0061 (n=5)'
        >>> format_mean_std({"mean": 0.9123, "std": None, "n": 1})
        '0.9123 (n=1)'
    """
    deviation = "" if summary["std"] is None else f" ± {summary['std']:.{digits}f}"
    return f"{summary['mean']:.{digits}f}{deviation} (n={summary['n']})"


def _checked_probabilities(probabilities: ArrayLike) -> np.ndarray:
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] == 0:
        raise InputError(
            f"probabilities have shape {probabilities.shape}: give [n, classes], one row a sample"
        )
    bad_rows = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(bad_rows):
        row = bad_rows[0]
        value = probabilities[row][~np.isfinite(probabilities[row])][0]
        raise InputError(
            f"probabilities row {row} holds {value} ({len(bad_rows)} such rows): the model has "
            "diverged; train again with a smaller learning rate"
        )
    return probabilities


def _checked_truth(truth: ArrayLike, samples: int, classes: int) -> np.ndarray:
    try:
        truth = pd.array(truth, dtype="Int64").fillna(UNLABELLED).to_numpy(np.int64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"truth is not a list of class indices ({error}): give integers, -1 where unlabelled"
        ) from error
    if len(truth) != samples:
        raise InputError(
            f"{len(truth)} truths but {samples} rows of probabilities: give one of each a sample"
        )
    outside = np.flatnonzero((truth < UNLABELLED) | (truth >= classes))
    if len(outside):
        row = outside[0]
        raise InputError(
            f"truth row {row} is class {truth[row]} but the probabilities have {classes} classes: "
            f"give 0 to {classes - 1}, or -1 where unlabelled"
        )
    return truth


def _checked_names(class_names: Sequence[str] | None, classes: int) -> list[str]:
    if class_names is None:
        return [str(index) for index in range(classes)]
    if len(class_names) != classes:
        raise InputError(
            f"{len(class_names)} class names for {classes} classes: give one name a class"
        )
    return [str(name) for name in class_names]


def checked_subjects(subjects: ArrayLike | None, samples: int) -> pd.Series:
    """Return the person of each sample, missing where unknown."""
    if subjects is None:
        return pd.Series([None] * samples, dtype=object)
    subjects = pd.Series(np.asarray(subjects, dtype=object))
    if len(subjects) != samples:
        raise InputError(f"{len(subjects)} subjects for {samples} samples: give one a sample")
    return subjects


def _scores(truth: np.ndarray, probabilities: np.ndarray, confusion: np.ndarray) -> dict:
    classes = len(confusion)
    names = ["macro_f1", "accuracy", "one_vs_rest_accuracy"]
    names += ["top5_accuracy"] if classes > TOP_K else []
    if not len(truth):
        return dict.fromkeys(names)
    hits, support, claims = _class_counts(confusion)
    errors = support + claims - 2 * hits  # FN + FP of each class
    scores = {
        "macro_f1": float(_macro_f1(hits, support, claims)),
        "accuracy": float(hits.sum() / support.sum()),
        "one_vs_rest_accuracy": float((1 - errors / len(truth)).mean()),
    }
    if classes > TOP_K:
        # Stable, so that equal probabilities rank as argmax ranks them.
        ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP_K]
        scores["top5_accuracy"] = float((ranked == truth[:, None]).any(axis=1).mean())
    return scores


def _calibration(truth: np.ndarray, probabilities: np.ndarray) -> dict:
    reliability = []
    if len(truth) and is_distribution(probabilities):
        reliability = reliability_table(probabilities, truth)
    return {
        "expected_calibration_error": calibration_error(reliability),
        "reliability": reliability,
    }


def _class_counts(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, true samples and predictions of each class."""
    return confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)


def _macro_f1(hits: np.ndarray, support: np.ndarray, claims: np.ndarray) -> np.ndarray:
    """Macro-F1 from counts [..., classes]: true positives, true samples, predictions."""
    occurrences = support + claims
    f1 = 2 * hits / np.maximum(occurrences, 1)
    return f1.sum(axis=-1) / (occurrences > 0).sum(axis=-1)


def _per_class(confusion: np.ndarray, names: list[str]) -> list[dict]:
    return [
        {
            "name": name,
            "precision": float(hit / max(claim, 1)),
            "recall": float(hit / max(count, 1)),
            "f1": float(2 * hit / max(count + claim, 1)),
            "support": int(count),
        }
        for name, hit, count, claim in zip(names, *_class_counts(confusion), strict=True)
    ]


def _classes_are_people(truth: np.ndarray, people: pd.Series) -> bool:
    """Whether each of several people shows one class, which nobody else shows."""
    pairs = pd.DataFrame({"class": truth, "person": people.to_numpy()}).drop_duplicates()
    return len(pairs) > 1 and pairs["class"].is_unique and pairs["person"].is_unique


def _interval(
    truth: np.ndarray,
    predicted: np.ndarray,
    people: pd.Series,
    over: str,
    classes: int,
    bootstrap: int,
    seed: int,
) -> dict | None:
    """Percentile interval from samples redrawn person by person, or one by one."""
    if over == "subjects":
        units, _ = pd.factorize(people, use_na_sentinel=False)
        sizes = np.ones(units.max() + 1, int)
    else:
        # Samples of one cell of the confusion matrix are interchangeable: draw cells by their size.
        cells, sizes = np.unique(truth * classes + predicted, return_counts=True)
        truth, predicted = np.divmod(cells, classes)
        units = np.arange(len(cells))
    if bootstrap == 0 or sizes.sum() < 2:
        return None

    random = np.random.default_rng(seed)
    resampled = {"macro_f1": [], "accuracy": []}
    correct = truth == predicted
    for _ in range(bootstrap):
        times = random.multinomial(sizes.sum(), sizes / sizes.sum())[units]
        hits = np.bincount(truth[correct], times[correct], classes)
        support = np.bincount(truth, times, classes)
        claims = np.bincount(predicted, times, classes)
        resampled["macro_f1"].append(_macro_f1(hits, support, claims))
        resampled["accuracy"].append(hits.sum() / support.sum())

    tail = (1 - INTERVAL_LEVEL) / 2
    bounds = {
        name: np.quantile(values, [tail, 1 - tail]).tolist() for name, values in resampled.items()
    }
    return {"level": INTERVAL_LEVEL, **bounds}
