"""What verification needs of scored pairs."""

import numpy as np
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError


def checked_pairs(
    scores: ArrayLike,
    same: ArrayLike,
    folds: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the four as arrays [n]; no folds or groups are all one.

    Raises:
        InputError: if lengths disagree, there is no pair, a score is not finite, or `same` is
            something else than 0 or 1.
    """
    scores = np.asarray(scores, np.float64).reshape(-1)
    if not len(scores):
        raise InputError("there is no pair to verify: give at least one of each kind a fold")
    arrays = [scores]
    for name, values in (("same", same), ("folds", folds), ("groups", groups)):
        values = np.zeros(len(scores), int) if values is None else np.asarray(values).reshape(-1)
        if len(values) != len(scores):
            raise InputError(f"{len(values)} {name} for {len(scores)} scores: give one a pair")
        arrays.append(values)
    if not np.isfinite(scores).all():
        row = (~np.isfinite(scores)).argmax()
        raise InputError(
            f"the score of pair {row} is {scores[row]} ({(~np.isfinite(scores)).sum()} such "
            "pairs): the model has diverged; train again with a smaller learning rate"
        )
    _, same, folds, groups = arrays
    odd = ~np.isin(same, (0, 1))
    if odd.any():
        raise InputError(
            f"same of pair {odd.argmax()} is {same[odd.argmax()]!r}: give 1 for one person, 0 for "
            "two"
        )
    return arrays[0], same.astype(np.int64), folds, groups


def check_folds(same: np.ndarray, folds: np.ndarray, groups: np.ndarray | None = None) -> None:
    """Check that each fold has pairs of both kinds, is in one group, and has another beside it.

    Raises:
        InputError: if one has not.
    """
    groups = np.zeros(len(folds)) if groups is None else groups
    for fold in np.unique(folds):
        here = folds == fold
        if len(np.unique(same[here])) == 1:
            which = "one person" if same[here][0] else "two people"
            raise InputError(f"fold {fold} has only pairs of {which}: give it pairs of both kinds")
        if len(np.unique(groups[here])) > 1:
            raise InputError(
                f"fold {fold} is in {len(np.unique(groups[here]))} groups: score each fold with "
                "one model"
            )
    for group in np.unique(groups):
        alone = np.unique(folds[groups == group])
        if len(alone) == 1:
            raise InputError(
                f"fold {alone[0]} has no other fold to choose its threshold on: give at least two "
                "folds (of each group)"
            )
