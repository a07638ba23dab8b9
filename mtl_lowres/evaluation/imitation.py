"""How well a student's embeddings imitate a teacher's."""

import numpy as np
from numpy.typing import ArrayLike

# Pairs grow with the square of the rows.
_MOST_ROWS = 1000


def imitation_metrics(embeddings: ArrayLike, teacher: ArrayLike, directions: bool = True) -> dict:
    """Return the figures of a student's embeddings beside its teacher's.

    Args:
        embeddings: float [n, d] of the student.
        teacher: float [n, e].
        directions: whether the student was to learn the teacher's directions, and not only how
            far samples lie from each other; only then is there a cosine, and d = e.

    Returns:
        `cosine_to_teacher`, the mean over the rows of the cosine in [-1, 1], 0 for a vector of
        zeros; `distance_correlation`, Pearson's correlation in [-1, 1] between the distances of
        all pairs of rows (of 1000 rows spread evenly, where there are more), 0 where all are
        equal; and `n`, the rows.
    """
    embeddings, teacher = np.asarray(embeddings, float), np.asarray(teacher, float)
    figures = (
        {"cosine_to_teacher": float(cosines(embeddings, teacher).mean())} if directions else {}
    )
    rows = np.linspace(0, len(teacher) - 1, min(len(teacher), _MOST_ROWS)).round().astype(int)
    distances = _distances(embeddings[rows]), _distances(teacher[rows])
    return {**figures, "distance_correlation": _correlation(*distances), "n": len(teacher)}


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine between the vectors of each row, [n] of two [n, d]; 0 for a zero one."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    return np.divide(products, lengths, out=np.zeros(len(first)), where=lengths > 0)


def _distances(vectors: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of every pair of rows, [n (n - 1) / 2]."""
    squares = (vectors**2).sum(axis=1)
    squared = squares[:, None] + squares[None, :] - 2 * vectors @ vectors.T
    return np.sqrt(np.maximum(squared, 0))[np.triu_indices(len(vectors), 1)]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 2 or first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
