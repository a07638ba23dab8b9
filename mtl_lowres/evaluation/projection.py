"""Features as points in a plane, to look at."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from mtl_lowres.errors import InputError

_PERPLEXITY = 30
_PRINCIPAL_COMPONENTS = 50
_FEWEST_ROWS = 4


def project(features: ArrayLike, seed: int = 0) -> np.ndarray:
    """Return a point a row by t-SNE (van der Maaten and Hinton, 2008).

    The features go through a principal component analysis first, to 50 dimensions where they are
    more. Near points were near before; how far groups lie apart, and their sizes, mean nothing.
    It takes seconds for 1,000 rows and minutes for 10,000.

    Args:
        features: [n, d], n >= 4 and d >= 2.
        seed: of the analysis and of t-SNE.

    Returns:
        float32 [n, 2].

    Raises:
        InputError: if there are fewer rows or columns, or a feature is not finite.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or len(features) < _FEWEST_ROWS or features.shape[1] < 2:
        raise InputError(
            f"features have shape {features.shape}: give at least {_FEWEST_ROWS} rows of at least "
            "2 to draw"
        )
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise InputError(
            f"row {bad.argmax()} of the features is not finite ({bad.sum()} such rows): the model "
            "has diverged; train again with a smaller learning rate"
        )
    components = min(_PRINCIPAL_COMPONENTS, *features.shape)
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    # Threads add up in any order, which a thousand iterations turn into another picture; and they
    # wait for each other in each of them.
    with threadpool_limits(1):
        reduced = PCA(components, random_state=seed).fit_transform(features)
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
