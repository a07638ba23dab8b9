"""t-SNE: what was near stays near, and what cannot be drawn is named."""

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.projection import project


def test_neighbours_in_the_plane_are_of_the_same_group():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 20)
    features = 10 * random.normal(size=(3, 64))[groups] + random.normal(size=(60, 64))
    points = project(features, seed=1)
    assert points.shape == (60, 2) and points.dtype == np.float32
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).all()
    np.testing.assert_array_equal(project(features, seed=1), points)


def test_few_rows_and_columns():
    points = project(np.random.default_rng(0).normal(size=(4, 2)))
    assert points.shape == (4, 2) and np.isfinite(points).all()
    for shape in ((3, 5), (0, 5), (9, 1), (9,)):
        with pytest.raises(InputError, match="at least 4 rows of at least 2"):
            project(np.zeros(shape))


def test_a_row_that_is_not_finite_is_named():
    features = np.ones((6, 3))
    features[4, 1] = np.nan
    with pytest.raises(InputError, match=r"row 4 of the features is not finite \(1 such"):
        project(features)
