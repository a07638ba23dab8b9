"""Learning-rate schedules and weight averaging against hand-derived values."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.training.config import OPTIMIZERS, TrainConfig
from mtl_lowres.training.optimizers import WeightAverage, learning_rate, make_optimizer

CONFIG = TrainConfig(tasks=("posture",), epochs=10, learning_rate=0.1, weight_decay=0.05)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizer_takes_the_first_step_with_the_scheduled_rate(optimizer):
    """With a gradient of 1 each of these moves a weight by the learning rate at its first step."""
    config = dataclasses.replace(CONFIG, optimizer=optimizer, weight_decay=0)
    weight = tf.Variable([1.0])
    chosen = make_optimizer(config, 5)
    chosen.apply_gradients([(tf.ones(1), weight)])
    moved = 1.9 * 0.1 if optimizer == "sgd" else 0.1  # Nesterov looks 0.9 of a step ahead
    np.testing.assert_allclose(weight, [1 - moved], atol=1e-5)


def test_cosine_falls_to_zero_at_the_last_step():
    rate = learning_rate(CONFIG, 5)
    np.testing.assert_allclose([rate(s) for s in (0, 25, 50)], [0.1, 0.05, 0], atol=1e-7)


def test_warmup_grows_linearly_then_cosine():
    rate = learning_rate(dataclasses.replace(CONFIG, warmup_epochs=2), 5)
    expected = 0.05 * (1 + math.cos(math.pi * 20 / 40))
    np.testing.assert_allclose(
        [rate(s) for s in (0, 5, 10, 30)], [0, 0.05, 0.1, expected], atol=1e-6
    )


def test_constant_stays_after_warmup():
    config = dataclasses.replace(CONFIG, schedule="constant", warmup_epochs=1)
    rate = learning_rate(config, 4)
    np.testing.assert_allclose([rate(s) for s in (0, 2, 4, 40)], [0, 0.05, 0.1, 0.1], atol=1e-7)
    assert learning_rate(dataclasses.replace(config, warmup_epochs=0), 4) == 0.1


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
