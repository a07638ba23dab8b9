"""Clusters of high-resolution features, which label low-resolution ones. No class label is read."""

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances_argmin
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from mtl_lowres.errors import InputError


@dataclass(frozen=True)
class Clusters:
    """The centroids of k-means and the space that they lie in.

    Attributes:
        centroids: float32 [k, w].
        mean: subtracted from features, float32 [d]; zeros without whitening.
        projection: of what is left onto w axes, float32 [d, w]; None for the features themselves.
        cosine: whether features are then divided by their length.
    """

    centroids: np.ndarray
    mean: np.ndarray
    projection: np.ndarray | None
    cosine: bool

    def space(self, features: np.ndarray) -> np.ndarray:
        """Return features [n, d] in the space of the centroids, [n, w]."""
        if self.projection is not None:
            features = (features - self.mean) @ self.projection
        return normalize(features) if self.cosine else features

    def nearest(self, features: np.ndarray) -> np.ndarray:
        """Return the index of the centroid nearest to each of features [n, d], int64 [n]."""
        return pairwise_distances_argmin(self.space(features), self.centroids).astype(np.int64)


def fit_clusters(
    features: np.ndarray,
    count: int,
    *,
    cosine: bool = False,
    whiten: int = 0,
    minibatch_above: int = 20_000,
    start: np.ndarray | None = None,
    seed: int = 0,
) -> Clusters:
    """Cluster features by scikit-learn's k-means.

    Args:
        features: float32 [n, d].
        count: number of clusters, at most n.
        cosine: cluster directions (features of length 1).
        whiten: cluster so many principal components of variance 1; 0 for the features.
        minibatch_above: more samples than this are clustered by mini-batch k-means.
        start: cluster of each sample int [n] to go on from; default: k-means++.
        seed: of everything random.

    Raises:
        InputError: if there are fewer samples than clusters or than principal components.
    """
    check_count(count, len(features))
    mean, projection = np.zeros(features.shape[1], np.float32), None
    if whiten:
        mean, projection = _whitening(features, whiten, seed)
    empty = Clusters(np.zeros((0, 0), np.float32), mean, projection, cosine)
    points = empty.space(features)
    init = "k-means++" if start is None else _means(points, start, count)
    kind = KMeans if len(points) <= minibatch_above else MiniBatchKMeans
    # Several threads add up their sums in any order, so that no two fits would be alike.
    with threadpool_limits(1, user_api="openmp"):
        fitted = kind(count, init=init, n_init=1, random_state=seed).fit(points)
    return Clusters(fitted.cluster_centers_.astype(np.float32), mean, projection, cosine)


def check_count(count: int, samples: int) -> None:
    """Check that there is a sample for each cluster.

    Raises:
        InputError: if there are fewer.
    """
    if samples < count:
        raise InputError(
            f"fc2={count} clusters cannot be made of {samples} samples: use fc2 of at most "
            f"{samples}, or more samples"
        )


def _whitening(features: np.ndarray, whiten: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean [d] and projection [d, whiten] onto components of variance 1."""
    if whiten > min(features.shape):
        raise InputError(
            f"whiten={whiten} components cannot be had of {len(features)} samples with "
            f"{features.shape[1]} features: use at most {min(features.shape)}"
        )
    pca = PCA(whiten, random_state=seed).fit(features)
    deviation = np.sqrt(np.maximum(pca.explained_variance_, np.finfo(np.float32).eps))
    return pca.mean_.astype(np.float32), (pca.components_.T / deviation).astype(np.float32)


def _means(points: np.ndarray, members: np.ndarray, count: int) -> np.ndarray:
    sums = np.zeros((count, points.shape[1]), points.dtype)
    np.add.at(sums, members, points)
    return sums / np.maximum(np.bincount(members, minlength=count), 1)[:, None]
