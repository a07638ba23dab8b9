import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.losses import CenterCrossEntropy, EmbeddingCrossEntropy

# Two classes: probabilities, squared distances to the centres, an embedding.
OUTPUT = np.array([[0.9, 0.1, 4.0, 9.0, 7.0], [0.2, 0.8, 16.0, 2.0, 7.0]], np.float32)


def test_cross_entropy_reads_the_probabilities_alone():
    expected = -(np.log(0.9) + np.log(0.8)) / 2
    assert float(EmbeddingCrossEntropy(2)([0, 1], OUTPUT)) == pytest.approx(expected, rel=1e-5)


def test_half_the_squared_distance_to_the_own_centre():
    """Distances 4 and 2; soft labels count by their most likely class."""
    expected = -(np.log(0.9) + np.log(0.8)) / 2 + 0.1 * (4 + 2) / 2 / 2
    assert float(CenterCrossEntropy(2, 0.1)([0, 1], OUTPUT)) == pytest.approx(expected, rel=1e-5)
    soft = np.array([[0.7, 0.3]], np.float32)
    expected = -(0.7 * np.log(0.9) + 0.3 * np.log(0.1)) + 0.1 * 4 / 2
    assert float(CenterCrossEntropy(2, 0.1)(soft, OUTPUT[:1])) == pytest.approx(expected, rel=1e-5)


def test_refused_weight():
    with pytest.raises(InputError, match="center_weight=-1 cannot"):
        CenterCrossEntropy(2, -1)
