"""Identification on plain arrays: whose face is nearest? No TensorFlow."""

import numpy as np
from numpy.typing import ArrayLike

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import checked_subjects

_ROWS_AT_ONCE = 1024
# Cosines that differ by less are equal: sums of the same products may be rounded differently.
_ROUNDING = 1e-12


def rank1_identification(embeddings: ArrayLike, subjects: ArrayLike) -> dict:
    """Return how often the nearest other image shows the same person, leaving one image out.

    Closed set: each image of a person with at least two is looked up, by cosine, among all other
    images of such people. Where several are equally near, the share of the same person among them
    counts.

    Args:
        embeddings: [n, d].
        subjects: the person of each [n]; images whose person is missing are left out.

    Returns:
        `leave_one_out_rank1` in [0, 1], `chance` (of naming any other image), `people` and `images`
        that took part.

    Raises:
        InputError: if the shapes disagree, a value is not finite, or there are not two people with
            two images.

    Example:
        >>> rank1_identification([[1, 0], [2, 0.1], [0, 1], [0.2, 3]], list("aabb"))["chance"]
        0.3333333333333333
    """
    embeddings = np.asarray(embeddings, np.float64)
    if embeddings.ndim != 2:
        raise InputError(f"embeddings have shape {embeddings.shape}: give [n, d]")
    people = checked_subjects(subjects, len(embeddings))
    counts = people.map(people.value_counts()).fillna(0).to_numpy(int)
    known = counts >= 2
    if people[known].nunique() < 2:
        raise InputError(
            f"{people[known].nunique()} people have two images: rank-1 identification needs two"
        )
    embeddings, numbers, counts = embeddings[known], people[known].factorize()[0], counts[known]
    if not np.isfinite(embeddings).all():
        raise InputError("an embedding is not finite: the model has diverged; train it again")
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings = embeddings / np.where(lengths > 0, lengths, 1)
    return {
        "leave_one_out_rank1": float(_hits(embeddings, numbers).mean()),
        "chance": float(((counts - 1) / (len(counts) - 1)).mean()),
        "people": int(numbers.max()) + 1,
        "images": len(numbers),
    }


def _hits(embeddings: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return for each image the share of its person among the nearest others."""
    hits = []
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(embeddings)))
        cosines = embeddings[rows] @ embeddings.T
        cosines[np.arange(len(rows)), rows] = -np.inf
        nearest = cosines >= cosines.max(axis=1, keepdims=True) - _ROUNDING
        same = people[rows][:, None] == people
        hits.append((nearest & same).sum(axis=1) / nearest.sum(axis=1))
    return np.concatenate(hits)
