"""Weights from losses, against values by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.weighting import DWA, Fixed, Random, TaskStep, Uncertainty
from mtl_lowres.weighting.base import TaskAdam
from tests.toy_model import ALL, INPUTS, LABELS, NONE, batches, toy_model


def _step(losses, labelled=(True, True)):
    losses = [tf.constant(loss) for loss in losses]
    return TaskStep(None, losses, tf.constant(labelled), None, [], [], [])


def _built(weighting, tasks=("a", "b")):
    weighting.build(tasks)
    return weighting


class TestUncertainty:
    def test_starts_as_in_the_released_programs(self):
        weighting = _built(Uncertainty())
        np.testing.assert_allclose(weighting.log_variances, [-0.5, -0.5])
        weights = weighting.step_weights(_step([1.0, 2.0]))
        np.testing.assert_allclose(weights, [0.5 * math.exp(0.5)] * 2, rtol=1e-6)

    def test_gradient_by_hand(self):
        """d/ds of L / (2 exp(s)) + s / 2 is 1/2 - L / (2 exp(s)); Adam's mean is a tenth of it."""
        weighting = _built(Uncertainty())
        weighting.step_weights(_step([1.0, 0.2]))
        expected = [0.5 - 1.0 * 0.5 * math.exp(0.5), 0.5 - 0.2 * 0.5 * math.exp(0.5)]
        np.testing.assert_allclose(weighting.adam.mean / 0.1, expected, rtol=1e-5)
        # Adam's first step is the learning rate, against the gradient.
        np.testing.assert_allclose(weighting.log_variances, [-0.49, -0.51], rtol=1e-4)

    def test_settles_at_the_logarithm_of_the_loss(self):
        weighting = _built(Uncertainty(learning_rate=0.1))
        for _ in range(150):
            weighting.step_weights(_step([3.0, 0.1]))
        np.testing.assert_allclose(weighting.log_variances, np.log([3.0, 0.1]), atol=0.05)

    def test_task_without_a_label_keeps_its_variance(self):
        weighting = _built(Uncertainty())
        weighting.step_weights(_step([1.0, 2.0]))
        before = [v.numpy() for v in weighting.variables]
        weighting.step_weights(_step([1.0, 0.0], (True, False)))
        for old, variable in zip(before, weighting.variables, strict=True):
            assert old[1] == variable[1]
        assert weighting.log_variances[0] != -0.49

    def test_network_gets_the_weighted_gradient(self):
        """One step of plain descent moves a head by its weight times its own gradient."""
        model = toy_model()
        model.compile(tf.keras.optimizers.SGD(1.0), weighting="uncertainty", run_eagerly=True)
        bias = model.get_layer("posture_logits").bias
        with tf.GradientTape() as tape:
            loss = model.heads["posture"].loss()(LABELS["posture"], model(INPUTS)["posture"])
        expected = bias - 0.5 * math.exp(0.5) * tape.gradient(loss, bias)
        model.fit(batches({"posture": ALL, "identity": NONE}), verbose=0)
        np.testing.assert_allclose(bias, expected, rtol=1e-5)


class TestDWA:
    def test_weights_of_the_first_three_epochs_by_hand(self):
        """Means 2, 4 then 1, 4: the ratios 1/2 and 1 give 2 softmax(1/4, 1/2) in epoch three."""
        weighting = _built(DWA(temperature=2))
        for losses in ([1.0, 3.0], [3.0, 5.0]):
            np.testing.assert_allclose(weighting.step_weights(_step(losses)), [1, 1])
        weighting.on_epoch_end()
        np.testing.assert_allclose(weighting.step_weights(_step([1.0, 4.0])), [1, 1])
        weighting.on_epoch_end()
        low, high = math.exp(1 / 4), math.exp(1 / 2)
        expected = [2 * low / (low + high), 2 * high / (low + high)]
        np.testing.assert_allclose(weighting.step_weights(_step([1.0, 1.0])), expected, rtol=1e-6)

    def test_mean_is_over_the_batches_with_a_label(self):
        weighting = _built(DWA())
        weighting.step_weights(_step([2.0, 4.0]))
        weighting.step_weights(_step([4.0, 0.0], (True, False)))
        weighting.on_epoch_end()
        np.testing.assert_allclose(weighting.previous, [3, 4])

    def test_epoch_without_a_label_counts_as_no_change(self):
        weighting = _built(DWA())
        for losses, labelled in (([2.0, 4.0], (True, True)), ([2.0, 0.0], (True, False))):
            weighting.step_weights(_step(losses, labelled))
            weighting.on_epoch_end()
        np.testing.assert_allclose(weighting.weights, [1, 1])
        np.testing.assert_allclose(weighting.previous, [2, 4])

    def test_fit_tells_the_epochs_before_other_callbacks(self):
        model = toy_model()
        model.compile(weighting="dwa", run_eagerly=True)
        seen = []
        watch = tf.keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(model.weighting.previous.numpy())
        )
        history = model.fit(
            batches({"posture": ALL, "identity": ALL}), epochs=2, verbose=0, callbacks=[watch]
        ).history
        logged = np.stack([history["posture_loss"], history["identity_loss"]], axis=1)
        np.testing.assert_allclose(seen, logged, rtol=1e-6)


def test_fixed_weights_are_exact():
    weighting = _built(Fixed(b=0.2, a=3))
    np.testing.assert_array_equal(weighting.step_weights(_step([1.0, 1.0])), np.float32([3, 0.2]))
    assert weighting.task_weights() == {"a": 3.0, "b": pytest.approx(0.2)}


def test_random_weights_sum_to_the_tasks_and_differ_every_step():
    tf.keras.utils.set_random_seed(0)
    weighting = _built(Random(), "abc")
    drawn = np.array([weighting.step_weights(_step([1.0] * 3)) for _ in range(300)])
    np.testing.assert_allclose(drawn.sum(axis=1), 3, rtol=1e-5)
    assert len(np.unique(drawn, axis=0)) == 300
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.15)
    tf.keras.utils.set_random_seed(0)
    again = _built(Random(), "abc").step_weights(_step([1.0] * 3))
    np.testing.assert_array_equal(again, drawn[0])


def test_adam_is_keras_adam_for_a_labelled_task():
    ours, keras = TaskAdam(1, 0.1), tf.keras.optimizers.Adam(0.1)
    number, expected = tf.Variable([1.0]), tf.Variable([1.0])
    for gradient in (1.0, -3.0, 0.5):
        number.assign_add(ours.change(tf.constant([gradient]), tf.constant([True])))
        np.testing.assert_array_equal(ours.change(tf.constant([9.0]), tf.constant([False])), [0])
        keras.apply_gradients([(tf.constant([gradient]), expected)])
    np.testing.assert_allclose(number, expected, rtol=1e-5)
