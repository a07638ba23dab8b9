"""Weights from gradients, against values by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.weighting import GradNorm, PCGrad, TaskStep
from mtl_lowres.weighting.by_gradient import gradnorm_gradient, projection_weights

ORDERS = tf.constant([[0, 1], [1, 0]])


def _linear_step(shared, slopes, labelled=None, own=None):
    """Return a step whose tasks' gradients of `shared` are `slopes`; `own` is the first task's."""
    labelled = np.array([True] * len(slopes) if labelled is None else labelled)
    with tf.GradientTape(persistent=True) as tape:
        losses = [tf.reduce_sum(shared * slope) for slope in np.float32(slopes)]
        if own is not None:
            losses[0] += 5.0 * own
        losses = [loss * float(known) for loss, known in zip(losses, labelled, strict=True)]
    variables = [shared] if own is None else [shared, own]
    return TaskStep(tape, losses, tf.constant(labelled), None, variables, [shared], [shared])


class TestPCGrad:
    def test_conflict_by_hand(self):
        """For (1, 0) and (-1, 1) the product is -1.

        The first loses its part along the second, -1/2 (-1, 1), and becomes (1/2, 1/2); the second
        loses -1 (1, 0) and becomes (0, 1). Their sum is (1/2, 3/2).
        """
        shared, own = tf.Variable([1.0, 1.0]), tf.Variable(1.0)
        weighting = PCGrad()
        weighting.build(["a", "b"])
        gradients = weighting.gradients(_linear_step(shared, [[1, 0], [-1, 1]], own=own))
        np.testing.assert_allclose(gradients[0], [0.5, 1.5], rtol=1e-6)
        assert float(gradients[1]) == 5.0
        # (1/2, 3/2) is 2 (1, 0) + 3/2 (-1, 1)
        assert weighting.task_weights() == pytest.approx({"a": 2.0, "b": 1.5})

    def test_without_conflict_it_is_the_sum(self):
        shared = tf.Variable([1.0, 1.0])
        weighting = PCGrad()
        weighting.build(["a", "b"])
        (gradient,) = weighting.gradients(_linear_step(shared, [[1, 0], [1, 2]]))
        np.testing.assert_allclose(gradient, [2, 2])
        assert weighting.task_weights() == {"a": 1.0, "b": 1.0}

    def test_others_are_the_original_gradients(self):
        """Against the published loop in NumPy, on random gradients in every order."""
        rng = np.random.default_rng(0)
        for _ in range(50):
            gradients = rng.normal(size=(4, 6))
            orders = np.array([rng.permutation(4) for _ in range(4)])
            expected = np.zeros(6)
            for task, order in enumerate(orders):
                projected = gradients[task].copy()
                for other in order:
                    product = projected @ gradients[other]
                    if other != task and product < 0:
                        projected -= product / (gradients[other] ** 2).sum() * gradients[other]
                expected += projected
            gram = tf.constant(gradients @ gradients.T, tf.float32)
            weights = projection_weights(gram, tf.constant(orders, tf.int32))
            np.testing.assert_allclose(weights.numpy() @ gradients, expected, atol=1e-4)

    def test_task_without_a_label_changes_nothing(self):
        gram = tf.constant([[4.0, 0.0], [0.0, 0.0]])
        np.testing.assert_array_equal(projection_weights(gram, ORDERS), [1, 1])

    def test_order_differs_from_step_to_step(self):
        """Three gradients in conflict: the sum depends on the order, so it varies."""
        shared = tf.Variable([1.0, 1.0])
        weighting = PCGrad()
        weighting.build(["a", "b", "c"])
        step = _linear_step(shared, [[1, 0], [-1, 1], [-1, -2]])
        sums = {tuple(np.round(weighting.gradients(step)[0], 4)) for _ in range(10)}
        assert len(sums) > 1


class TestGradNorm:
    def test_gradient_by_hand(self):
        """Weights 1, norms 1 and 3: the mean of G is 2; at like rates G = 1 must grow, 3 shrink.

        The gradient of |G - target| by a weight is the sign times the norm.
        """
        ones, norms = tf.ones(2), tf.constant([1.0, 3.0])
        both = tf.constant([True, True])
        np.testing.assert_allclose(gradnorm_gradient(ones, norms, ones, both, 1.5), [-1, 3])
        # Rates 1/3 and 1, relative 1/2 and 3/2: targets 2 / 2 ** 1.5 = 0.7 and 2 * 1.84 = 3.7.
        rates = tf.constant([1 / 3, 1.0])
        np.testing.assert_allclose(gradnorm_gradient(ones, norms, rates, both, 1.5), [1, -3])
        first = tf.constant([True, False])
        np.testing.assert_allclose(gradnorm_gradient(ones, norms, rates, first, 1.5), [0, 0])

    def test_weights_bring_the_norms_together(self):
        """Losses that stay at their first value, gradients 1 and 4: weights settle at 1.6, 0.4."""
        shared = tf.Variable([1.0, 1.0])
        weighting = GradNorm(learning_rate=0.05)
        weighting.build(["a", "b"])
        for _ in range(60):
            weighting.gradients(_linear_step(shared, [[1, 0], [0, 4]]))
            assert float(tf.reduce_sum(weighting.learned)) == pytest.approx(2, abs=1e-5)
        np.testing.assert_allclose(weighting.learned, [1.6, 0.4], atol=0.1)

    def test_first_step_has_equal_weights(self):
        shared = tf.Variable([1.0, 1.0])
        weighting = GradNorm()
        weighting.build(["a", "b"])
        (gradient,) = weighting.gradients(_linear_step(shared, [[1, 0], [0, 4]]))
        np.testing.assert_allclose(gradient, [1, 4])
        np.testing.assert_allclose(weighting.first_losses, [1, 4])
        assert weighting.learned[0] > 1 > weighting.learned[1]

    def test_task_without_a_label_keeps_its_weight(self):
        shared = tf.Variable([1.0, 1.0])
        weighting = GradNorm()
        weighting.build(["a", "b", "c"])
        slopes = [[1, 0], [0, 4], [2, 2]]
        weighting.gradients(_linear_step(shared, slopes))
        before = [v.numpy() for v in (weighting.learned, weighting.first_losses)]
        for _ in range(5):
            weighting.gradients(_linear_step(shared, slopes, [True, True, False]))
        assert weighting.learned[2] == before[0][2]
        np.testing.assert_array_equal(weighting.first_losses, before[1])
        assert float(tf.reduce_sum(weighting.learned)) == pytest.approx(3, abs=1e-5)
