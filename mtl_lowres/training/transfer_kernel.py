"""A transfer network whose two layers are found in closed form: Gaussian units and a ridge."""

import numpy as np
import tensorflow as tf
from scipy.linalg import solve
from scipy.spatial.distance import pdist

from mtl_lowres.errors import InputError
from mtl_lowres.training.transfer_goals import ROWS_AT_ONCE

# Of the unit's width, in medians of the squared distance of two samples.
_GAMMA = 0.5
_JITTER = 1e-2


def fit_kernel_units(
    network: tf.keras.Model, low: np.ndarray, targets: np.ndarray, ridge: float, seed: int
) -> float:
    """Set both dense layers of a network with `activation="gaussian"`, and return its loss.

    The hidden units are Gaussians at as many random samples, so that the second layer is a kernel
    ridge regression of the targets, on a part of the samples (Nystroem's approximation).

    Args:
        network: made by `feature_transfer`, its standardisation adapted.
        low: features of the samples, float32 [n, d].
        targets: float32 [n, k].
        ridge: weight of the penalty, above 0.
        seed: of the choice of samples.

    Returns:
        The mean squared error on the samples.

    Raises:
        InputError: if there are fewer samples than hidden units.
    """
    first, second = (network.get_layer(f"{network.name}_{layer}") for layer in ("fc1", "fc2"))
    if first.units > len(low):
        raise InputError(
            f"fc1={first.units} Gaussian units are put on as many samples, but there are "
            f"{len(low)}: use fc1 of at most {len(low)}, or more views"
        )
    unit = tf.keras.Model(network.input, first.input)
    chosen = np.random.default_rng(seed).choice(len(low), first.units, replace=False)
    centres = unit(low[chosen]).numpy().astype(np.float64)
    sharpness = 2 * _GAMMA / np.median(pdist(centres, "sqeuclidean"))
    first.set_weights([sharpness * centres.T, np.full(first.units, -sharpness)])

    hidden = tf.keras.Model(network.input, first.output)
    mean = targets.mean(axis=0, dtype=np.float64)
    penalty = ridge * np.exp(sharpness * (centres @ centres.T - 1))
    left, right = penalty + _JITTER * np.eye(len(centres)), np.zeros((len(centres), len(mean)))
    for at in range(0, len(low), ROWS_AT_ONCE):
        rows = slice(at, at + ROWS_AT_ONCE)
        units = hidden(low[rows]).numpy().astype(np.float64)
        left += units.T @ units
        right += units.T @ (targets[rows] - mean)
    second.set_weights([solve(left, right, assume_a="pos"), mean])
    error = 0.0
    for at in range(0, len(low), ROWS_AT_ONCE):
        rows = slice(at, at + ROWS_AT_ONCE)
        outputs = network(low[rows]).numpy()[:, : targets.shape[1]]
        error += float(((outputs - targets[rows]) ** 2).sum())
    return error / targets.size
