"""Pairs of images of the same and of different people, drawn from labelled images."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def form_pairs(
    people: ArrayLike, most: int = 100_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of images, first all of the same person, then all of different people.

    Of each kind every pair occurs once; where there are more than `most`, so many are drawn, all
    equally likely.

    Args:
        people: who each image shows [n].
        most: pairs of each kind at most.
        seed: of the drawing.

    Returns:
        The images' places, int64 [pairs] and [pairs], and whether they show the same person, bool
        [pairs]; all empty where there is no pair.

    Example:
        >>> first, second, same = form_pairs(["ann", "ann", "bob"])
        >>> first.tolist(), second.tolist(), same.tolist()
        ([0, 0, 1], [1, 2, 2], [True, False, False])
    """
    codes = pd.factorize(np.asarray(people))[0]
    order = np.argsort(codes, kind="stable")
    places = np.arange(len(codes))
    # In this order a person's images lie together: up to `ends` of the same person, then of others.
    ends = np.searchsorted(codes[order], codes[order], side="right")
    random = np.random.default_rng(seed)
    kinds = [
        _draw(places + 1, ends - places - 1, most, random),
        _draw(ends, len(codes) - ends, most, random),
    ]
    first, second = (order[np.concatenate(side)] for side in zip(*kinds, strict=True))
    same = np.repeat([True, False], [len(kind[0]) for kind in kinds])
    return first, second, same


def _draw(
    starts: np.ndarray, counts: np.ndarray, most: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs (i, j) with j in [starts[i], starts[i] + counts[i]), at most `most` of them."""
    total = int(counts.sum())
    ranks = np.arange(total)
    if total > most:
        ranks = np.sort(random.choice(total, most, replace=False))
    cumulative = np.cumsum(counts)
    first = np.searchsorted(cumulative, ranks, side="right")
    return first, starts[first] + ranks - (cumulative[first] - counts[first])
