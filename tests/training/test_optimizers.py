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
    """With a gradient of 1 a weight moves by the learning rate; but SGD's Nesterov looks 0.9 of a
    step ahead, and the mean of squares of RMSprop is 0.01 after the first step."""
    config = dataclasses.replace(CONFIG, optimizer=optimizer, weight_decay=0)
    weight = tf.Variable([1.0])
    chosen = make_optimizer(config, 5)
    chosen.apply_gradients([(tf.ones(1), weight)])
    moved = {"sgd": 0.19, "rmsprop": 1.0}.get(optimizer, 0.1)
    np.testing.assert_allclose(weight, [1 - moved], atol=1e-5)


def test_rmsprop_is_that_of_pytorch():
    """By its equations in NumPy, for gradients down to 1e-7, which a larger epsilon would damp."""
    config = dataclasses.replace(CONFIG, optimizer="rmsprop", weight_decay=0, schedule="constant")
    weight, mean = tf.Variable([0.0, 0.0]), np.zeros(2)
    chosen, expected = make_optimizer(config, 1), np.zeros(2)
    for gradient in ([1.0, 1e-7], [-0.5, 3e-7], [2.0, -1e-7]):
        chosen.apply_gradients([(tf.constant(gradient), weight)])
        mean = 0.99 * mean + 0.01 * np.square(gradient)
        expected -= 0.1 * np.array(gradient) / (np.sqrt(mean) + 1e-8)
    np.testing.assert_allclose(weight[0], expected[0], rtol=1e-5)
    assert 0.7 < weight[1].numpy() / expected[1] < 1.5


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


def test_a_slow_trunk_takes_a_part_of_the_step_decay_included():
    """Adam's first step is the learning rate; decay adds rate * decay * weight; pace 0.25 of both.

    From 2 with gradient 1: 2 - 0.1 - 0.1 * 0.05 * 2 = 1.89, or for the trunk 2 - 0.25 * 0.11.
    """
    config = dataclasses.replace(CONFIG, schedule="constant", trunk_pace=0.25)
    trunk, head = (tf.Variable([2.0], name=f"{name}/kernel") for name in ("trunk", "head"))
    bias = tf.Variable([2.0], name="trunk/bias")
    optimizer = make_optimizer(config, 1, trunk=[trunk, bias])
    optimizer.apply_gradients([(tf.ones(1), v) for v in (trunk, head, bias)])
    np.testing.assert_allclose(head, [1.89], rtol=1e-5)
    np.testing.assert_allclose(trunk, [2 - 0.25 * 0.11], rtol=1e-5)
    np.testing.assert_allclose(bias, [2 - 0.25 * 0.1], rtol=1e-5)


def test_clip_norm_cuts_the_gradient_of_all_weights_together():
    """A gradient (3, 4) of norm 5 is cut to norm 1: SGD with momentum starts with 0.1 * 1.9 of it.

    Nesterov's first step is rate * (1 + momentum) * gradient.
    """
    config = dataclasses.replace(
        CONFIG, optimizer="sgd", weight_decay=0, schedule="constant", clip_norm=1.0
    )
    first, second = tf.Variable([0.0]), tf.Variable([0.0])
    optimizer = make_optimizer(config, 1)
    optimizer.apply_gradients([(tf.constant([3.0]), first), (tf.constant([4.0]), second)])
    np.testing.assert_allclose([first[0], second[0]], [-0.19 * 0.6, -0.19 * 0.8], rtol=1e-5)
