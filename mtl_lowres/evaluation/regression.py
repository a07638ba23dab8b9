"""Figures of ages in years on plain arrays, with an interval over people. No TensorFlow."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import INTERVAL_LEVEL, checked_subjects

CLOSE_YEARS = 5
_BAND_YEARS = 10
_SCORES = ("mae_years", "rmse_years", "median_error_years", "cs@5", "bias_years")


def regression_metrics(
    truth: ArrayLike,
    prediction: ArrayLike,
    subjects: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    bands: Sequence[tuple[int, int]] | None = None,
) -> dict:
    """Return every figure about one task of ages as a dict that `json.dump` accepts.

    Args:
        truth: years [n]; NaN or another missing value marks an unlabelled sample, which is left
            out.
        prediction: years [n].
        subjects: the person each sample shows [n], or None. Samples whose subject is missing count
            together as one more person.
        bootstrap: number of resamples behind `interval`; 0 for none.
        seed: seed of the resampling.
        bands: (first year, year after the last) of each band of true ages; default: decades from
            0 on.

    Returns:
        A dict with these keys. The figures are None when no sample is labelled.

        - `mae_years`, `rmse_years`: mean absolute error, and root of the mean squared error.
        - `median_error_years`: median of the absolute error.
        - `cs@5`: cumulative score, the share of samples at most 5 years off, in [0, 1].
        - `bias_years`: mean of prediction - truth.
        - `median_mae_years`: the `mae_years` of always answering the median of these truths, the
          best that a constant can reach.
        - `mae_by_band`: list of {"band": "20-29", "mae_years", "n"} by true age, ascending; only
          bands with samples. A fractional age belongs to the year that it has completed.
        - `interval`: {"level": 0.95, "mae_years": [low, high], "cs@5": [low, high]}, percentiles
          of the bootstrap; None without resampling or with a single person (or sample) to draw
          from. Intervals over a handful of people are coarse, and rather too narrow.
        - `bootstrap_over`: "subjects", or "samples" when no subject is known.
        - `bootstrap`, `n` (labelled samples), `n_subjects` (known people among them; 0 if unknown).

    Raises:
        InputError: if shapes disagree, a truth is no number, or a prediction is not finite; the
            message names the row.

    Example:
        >>> regression_metrics([20, 30, 40], [21, 30, 46])["mae_years"]
        2.3333333333333335
    """
    truth = _checked_truth(truth)
    prediction = _checked_prediction(prediction, len(truth))
    labelled = ~np.isnan(truth)
    people = checked_subjects(subjects, len(truth))[labelled]
    truth, prediction = truth[labelled], prediction[labelled]
    errors = np.abs(prediction - truth)
    return {
        **_scores(truth, prediction, errors),
        "mae_by_band": _mae_by_band(truth, errors, bands),
        "interval": _interval(errors, people, bootstrap, seed),
        "bootstrap": bootstrap,
        "bootstrap_over": "subjects" if people.notna().any() else "samples",
        "n": len(truth),
        "n_subjects": int(people.nunique()),
    }


def _checked_truth(truth: ArrayLike) -> np.ndarray:
    try:
        truth = pd.array(truth, dtype="Float64").to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"truth is not a list of ages ({error}): give numbers, NaN where unlabelled"
        ) from error
    infinite = np.flatnonzero(np.isinf(truth))
    if len(infinite):
        raise InputError(
            f"truth row {infinite[0]} is {truth[infinite[0]]}: give years, NaN where unlabelled"
        )
    return truth


def _checked_prediction(prediction: ArrayLike, samples: int) -> np.ndarray:
    prediction = np.asarray(prediction, dtype=np.float64)
    if prediction.shape != (samples,):
        raise InputError(
            f"predictions have shape {prediction.shape} for {samples} truths: give years [n], one "
            "of each a sample"
        )
    bad_rows = np.flatnonzero(~np.isfinite(prediction))
    if len(bad_rows):
        row = bad_rows[0]
        raise InputError(
            f"prediction row {row} is {prediction[row]} ({len(bad_rows)} such rows): the model has "
            "diverged; train again with a smaller learning rate"
        )
    return prediction


def _scores(truth: np.ndarray, prediction: np.ndarray, errors: np.ndarray) -> dict:
    if not len(truth):
        return dict.fromkeys((*_SCORES, "median_mae_years"))
    return {
        "mae_years": float(errors.mean()),
        "rmse_years": float(np.sqrt(np.square(errors).mean())),
        "median_error_years": float(np.median(errors)),
        "cs@5": float((errors <= CLOSE_YEARS).mean()),
        "bias_years": float((prediction - truth).mean()),
        "median_mae_years": float(np.abs(truth - np.median(truth)).mean()),
    }


def _mae_by_band(
    truth: np.ndarray, errors: np.ndarray, bands: Sequence[tuple[int, int]] | None
) -> list[dict]:
    if bands is None:
        decades = np.unique(np.floor(truth / _BAND_YEARS).astype(int)) * _BAND_YEARS
        bands = [(int(start), int(start) + _BAND_YEARS) for start in decades]
    rows = []
    for start, stop in bands:
        inside = (truth >= start) & (truth < stop)
        if inside.any():
            mae = float(errors[inside].mean())
            rows.append({"band": f"{start}-{stop - 1}", "mae_years": mae, "n": int(inside.sum())})
    return rows


def _interval(errors: np.ndarray, people: pd.Series, bootstrap: int, seed: int) -> dict | None:
    """Percentile interval from samples redrawn person by person, or one by one."""
    if people.notna().any():
        units, _ = pd.factorize(people, use_na_sentinel=False)
    else:
        units = np.arange(len(errors))
    count = units.max(initial=-1) + 1
    if bootstrap == 0 or count < 2:
        return None

    sizes = np.bincount(units)
    sums = np.stack([np.bincount(units, errors), np.bincount(units, errors <= CLOSE_YEARS)])
    random = np.random.default_rng(seed)
    resampled = []
    for _ in range(bootstrap):
        times = random.multinomial(count, np.full(count, 1 / count))
        resampled.append(sums @ times / (sizes @ times))

    tail = (1 - INTERVAL_LEVEL) / 2
    mae, close = np.quantile(resampled, [tail, 1 - tail], axis=0).T.tolist()
    return {"level": INTERVAL_LEVEL, "mae_years": mae, "cs@5": close}
