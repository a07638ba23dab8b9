"""Clusters against scikit-learn's."""

import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA

from mtl_lowres.errors import InputError
from mtl_lowres.training.pseudo_labels import fit_clusters

RNG = np.random.default_rng(0)
HIGH = (RNG.normal(size=(90, 5)) + 6 * np.eye(5)[np.arange(90) % 3]).astype(np.float32)
LOW = HIGH + RNG.normal(size=HIGH.shape).astype(np.float32)


@pytest.mark.parametrize(("above", "kind"), [(90, KMeans), (89, MiniBatchKMeans)])
def test_labels_are_those_of_scikit_learn(above, kind):
    clusters = fit_clusters(HIGH, 4, minibatch_above=above, seed=3)
    expected = kind(4, n_init=1, random_state=3).fit(HIGH)
    np.testing.assert_allclose(clusters.centroids, expected.cluster_centers_, rtol=1e-5)
    np.testing.assert_array_equal(clusters.nearest(LOW), expected.predict(LOW))


def test_cosine_clusters_directions():
    clusters = fit_clusters(HIGH, 3, cosine=True)
    directions = HIGH / np.linalg.norm(HIGH, axis=1, keepdims=True)
    expected = KMeans(3, n_init=1, random_state=0).fit(directions)
    np.testing.assert_array_equal(clusters.nearest(HIGH), expected.labels_)
    np.testing.assert_array_equal(clusters.nearest(7 * LOW), clusters.nearest(LOW))


def test_whitening_is_that_of_scikit_learn():
    clusters = fit_clusters(HIGH, 3, whiten=2)
    expected = PCA(2, whiten=True, random_state=0).fit(HIGH)
    np.testing.assert_allclose(clusters.space(LOW), expected.transform(LOW), atol=1e-4)
    assert clusters.centroids.shape == (3, 2)


def test_going_on_keeps_the_numbers_of_clusters():
    first = fit_clusters(HIGH, 3)
    members = (first.nearest(HIGH) + 1) % 3
    again = fit_clusters(HIGH + 0.01, 3, start=members)
    np.testing.assert_array_equal(again.nearest(HIGH), members)


def test_refuses_more_clusters_or_components_than_there_are():
    with pytest.raises(InputError, match="fc2=91 clusters cannot be made of 90 samples: .* 90"):
        fit_clusters(HIGH, 91)
    with pytest.raises(InputError, match="whiten=6 components.*at most 5"):
        fit_clusters(HIGH, 3, whiten=6)
