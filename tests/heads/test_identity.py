import numpy as np
import pytest

from mtl_lowres.heads import Identity


def test_loss_is_the_cross_entropy():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    expected = -(np.log(0.9) + np.log(0.2)) / 2
    assert float(Identity(2).loss()([0, 0], probabilities)) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_reaches_the_loss():
    head = Identity.from_config(Identity(2, label_smoothing=0.2).get_config())
    assert head.loss().label_smoothing == 0.2
