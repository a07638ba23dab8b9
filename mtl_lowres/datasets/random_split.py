"""Random splits by row, for data sets that do not say who is who."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtl_lowres.errors import InputError


def split_rows(
    groups: Sequence[str], fractions: Sequence[float], seed: int = 0, name: str = "split"
) -> np.ndarray:
    """Deal rows to train, val and test at random, each group alike.

    The rows are ordered by `numpy.random.default_rng(seed).permutation`; the first rows of that
    order are train, the next val, the last test. With several groups the order is first spread, so
    that each group is in any part of it in proportion to its size, to within a row.

    Args:
        groups: the group of each row.
        fractions: of train, val and test; they sum to 1.
        seed: the same seed gives the same split.
        name: of the option that the fractions come from, for messages.

    Returns:
        "train", "val" or "test" for each row.

    Raises:
        InputError: if the fractions are not three numbers from 0 that sum to 1, or train is empty.
    """
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            f"{name}={fractions!r}: give the fractions of train, val and test, which sum to 1, "
            "such as (0.7, 0.1, 0.2)"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    shuffled = pd.Series(np.asarray(groups)[order])
    by_group = shuffled.groupby(shuffled)
    place_in_group = (by_group.cumcount() + 0.5) / by_group.transform("size")
    order = order[np.argsort(place_in_group.to_numpy(), kind="stable")]
    train, val = np.round(np.cumsum(fractions[:2]) * len(order)).astype(int)
    if train == 0:
        raise InputError(
            f"{name}={fractions!r} leaves none of {len(order)} rows for train: change the fractions"
        )
    splits = np.full(len(order), "test", object)
    splits[order[:val]] = "val"
    splits[order[:train]] = "train"
    return splits
