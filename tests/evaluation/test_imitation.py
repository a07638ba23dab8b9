"""Figures of imitated embeddings, from values derived by hand and by NumPy."""

import numpy as np
import pytest

from mtl_lowres.evaluation.imitation import cosines, imitation_metrics


def test_cosines_of_known_angles():
    """Along, across, opposite, 45 degrees, and a vector of zeros."""
    first = np.array([[2.0, 0], [0, 3], [1, 1], [1, 1], [0, 0]])
    second = np.array([[5.0, 0], [1, 0], [-1, -1], [1, 0], [1, 0]])
    np.testing.assert_allclose(cosines(first, second), [1, 0, -1, np.sqrt(0.5), 0], atol=1e-12)


def test_a_turned_and_stretched_copy_keeps_its_distances():
    teacher = np.random.default_rng(0).normal(size=(9, 3))
    turned = 4.0 * teacher[:, [1, 2, 0]] + 7.0
    figures = imitation_metrics(turned, teacher)
    assert figures["distance_correlation"] == pytest.approx(1.0)
    assert figures["cosine_to_teacher"] == pytest.approx(cosines(turned, teacher).mean())
    assert figures["n"] == 9


def test_distances_correlate_across_widths():
    """Distances 1, 3, 2 of the pairs 01, 02, 12 against 1, 1, 2."""
    figures = imitation_metrics([[0.0], [1.0], [3.0]], [[0.0, 0], [1, 0], [-1, 0]], False)
    assert set(figures) == {"distance_correlation", "n"}
    assert figures["distance_correlation"] == pytest.approx(np.corrcoef([1, 3, 2], [1, 1, 2])[0, 1])


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_distances_correlate_with_nothing(rows):
    assert imitation_metrics(np.eye(2)[:rows], np.eye(2)[:rows])["distance_correlation"] == 0.0


def test_many_rows_are_thinned():
    vectors = np.random.default_rng(0).normal(size=(1500, 2))
    assert imitation_metrics(vectors, vectors)["distance_correlation"] == pytest.approx(1.0)
