"""Figures of short and of long videos. No TensorFlow."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

_FIGURES = ("accuracy", "macro_f1", "top5_accuracy", "mae_years")
_QUARTILES = (0.25, 0.5, 0.75)


def by_length(lengths: ArrayLike, measure: Callable[[np.ndarray], Mapping]) -> list[dict]:
    """Return the figures of samples in four buckets of about equally many, by their length.

    The buckets end at the quartiles. Samples of one length are in one bucket, so that there are
    fewer buckets where many have the same.

    Args:
        lengths: of each sample [n], such as its number of frames; a sample of NaN is left out.
        measure: (places of samples int64 [k], k at least 1) -> their figures.

    Returns:
        A dict a bucket, the shortest first: `shortest` and `longest` length in it (inclusive),
        `n`, and those of `accuracy`, `macro_f1`, `top5_accuracy` and `mae_years` that `measure`
        gives. Empty where all samples are of one length.

    Example:
        >>> by_length([10, 20, 30, 40], lambda places: {"accuracy": float(places[0])})[3]
        {'shortest': 40, 'longest': 40, 'n': 1, 'accuracy': 3.0}
    """
    lengths = np.asarray(lengths, np.float64)
    known = np.flatnonzero(~np.isnan(lengths))
    if not len(known):
        return []
    ends = np.quantile(lengths[known], _QUARTILES, method="inverted_cdf")
    bucket = np.searchsorted(ends, lengths[known])
    groups = [known[bucket == number] for number in np.unique(bucket)]
    if len(groups) == 1:
        return []
    return [_bucket(lengths[places], measure(places)) for places in groups]


def _bucket(lengths: np.ndarray, figures: Mapping) -> dict:
    extent = {"shortest": int(lengths.min()), "longest": int(lengths.max()), "n": len(lengths)}
    return extent | {name: figures[name] for name in _FIGURES if name in figures}
