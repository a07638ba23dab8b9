"""The closed form against scikit-learn's kernel ridge regression."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.kernel_ridge import KernelRidge

from mtl_lowres.errors import InputError
from mtl_lowres.training.transfer import TransferConfig, fit_transfer

RNG = np.random.default_rng(0)
LOW = RNG.normal(size=(80, 6)).astype(np.float32)
HIGH = (np.sin(2 * LOW) + 0.1 * RNG.normal(size=LOW.shape)).astype(np.float32)


def _standard(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


def test_with_a_unit_on_every_sample_it_is_kernel_ridge(monkeypatch):
    monkeypatch.setattr("mtl_lowres.training.transfer_kernel._JITTER", 1e-9)
    config = TransferConfig(fc1=80, target="features", solver="kernel", ridge=0.5)
    unit = _standard(LOW) / np.linalg.norm(_standard(LOW), axis=1, keepdims=True)
    gamma = 0.5 / np.median(pdist(unit, "sqeuclidean"))
    ridge = KernelRidge(alpha=0.5, kernel="rbf", gamma=gamma).fit(unit, _standard(HIGH))
    transfer = fit_transfer(HIGH, LOW, config)
    np.testing.assert_allclose(transfer.apply(LOW), ridge.predict(unit), atol=2e-3)
    loss = np.mean((transfer.apply(LOW) - _standard(HIGH)) ** 2)
    assert transfer.history == [{"epoch": 1, "loss": pytest.approx(loss, rel=1e-4)}]


def test_clusters_are_regressed_to_one_and_zero():
    config = TransferConfig(fc1=40, fc2=4, assign="pair", solver="kernel", beside=True)
    transfer = fit_transfer(HIGH, LOW, config)
    again = fit_transfer(HIGH, LOW, config)
    np.testing.assert_array_equal(transfer.apply(LOW), again.apply(LOW))
    assert transfer.apply(LOW).shape == (80, 10)
    assert transfer.history[0]["same_cluster"] > 0.5


def test_refuses_more_units_than_samples_and_other_options():
    with pytest.raises(InputError, match="fc1=81 Gaussian units .* there are 80: use fc1"):
        fit_transfer(HIGH, LOW, TransferConfig(fc1=81, fc2=4, solver="kernel"))
    with pytest.raises(InputError, match="recluster=2.*leave it out"):
        TransferConfig(solver="kernel", recluster=2)
    with pytest.raises(InputError, match="solver='svd'"):
        TransferConfig(solver="svd")
