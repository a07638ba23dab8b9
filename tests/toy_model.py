"""A two-task model small enough to train many times in a test, and data for it."""

import numpy as np
import tensorflow as tf

from mtl_lowres.heads import Identity, Posture
from mtl_lowres.multi_task_model import MultiTaskModel

COUNT = 16
_RNG = np.random.default_rng(0)
INPUTS = _RNG.random((COUNT, 4), np.float32)
LABELS = {"posture": np.arange(COUNT) % 3, "identity": np.arange(COUNT) % 2}
ALL = np.ones(COUNT, np.float32)
NONE = np.zeros(COUNT, np.float32)


def toy_model(heads=None, **trunk_options) -> MultiTaskModel:
    """Return an untrained model, the same one every time."""
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input([4])
    features = tf.keras.layers.Dense(6, "relu", name="shared", **trunk_options)(inputs)
    trunk = tf.keras.Model(inputs, features)
    heads = heads or {"posture": Posture(3, loss="nll"), "identity": Identity(2)}
    outputs = {task: head.build(features, task) for task, head in heads.items()}
    return MultiTaskModel(inputs, outputs, trunk, heads)


def batches(*presence: dict[str, np.ndarray]) -> tf.data.Dataset:
    """Return a dataset of the same rows with these sample weights, a batch each."""
    weights = {task: np.stack([given[task] for given in presence]) for task in LABELS}
    repeated = {task: np.stack([labels] * len(presence)) for task, labels in LABELS.items()}
    inputs = np.stack([INPUTS] * len(presence))
    return tf.data.Dataset.from_tensor_slices((inputs, repeated, weights))
