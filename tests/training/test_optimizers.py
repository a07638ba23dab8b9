"""Learning-rate schedules and weight averaging against hand-derived values."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.optimizers import WeightAverage, make_optimizer

CONFIG = TrainConfig(tasks=("posture",), epochs=10, learning_rate=0.1, weight_decay=0.05)


def _rate(optimizer, step):
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_cosine_falls_to_zero_at_the_last_step(optimizer):
    config = dataclasses.replace(CONFIG, optimizer=optimizer, weight_decay=0)
    rates = [_rate(make_optimizer(config, 5), step) for step in (0, 25, 50)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0], atol=1e-7)


def test_warmup_grows_linearly_then_cosine():
    config = dataclasses.replace(CONFIG, warmup_epochs=2)
    optimizer = make_optimizer(config, 5)
    expected = 0.05 * (1 + math.cos(math.pi * 20 / 40))
    rates = [_rate(optimizer, step) for step in (0, 5, 10, 30)]
    np.testing.assert_allclose(rates, [0, 0.05, 0.1, expected], atol=1e-6)


def test_constant_stays_after_warmup():
    config = dataclasses.replace(CONFIG, schedule="constant", warmup_epochs=1)
    rates = [_rate(make_optimizer(config, 4), step) for step in (0, 2, 4, 40)]
    np.testing.assert_allclose(rates, [0, 0.05, 0.1, 0.1], atol=1e-7)


def test_adamw_decays_kernels_only():
    optimizer = make_optimizer(dataclasses.replace(CONFIG, schedule="constant"), 1)
    kernel = tf.Variable([1.0], name="dense/kernel")
    bias = tf.Variable([1.0], name="dense/bias")
    optimizer.apply_gradients([(tf.zeros(1), kernel), (tf.zeros(1), bias)])
    np.testing.assert_allclose(kernel, [1 - 0.1 * 0.05])
    np.testing.assert_allclose(bias, [1.0])


def test_weight_average_follows_its_definition():
    """Weights 1, 3, 3: decays are (1+t)/(10+t) = 2/11 and 3/12 until they pass 0.9."""
    weight = tf.Variable(1.0)
    average = WeightAverage(0.9, [weight])
    expected = 1.0
    for step in (1, 2):
        weight.assign(3.0)
        average.on_train_batch_end(0)
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay) * 3.0
        np.testing.assert_allclose(average.averages[0], expected, rtol=1e-6)
    with average.applied():
        np.testing.assert_allclose(weight, expected, rtol=1e-6)
    assert float(weight) == 3.0
