"""Weights that follow from the tasks' gradients of what they share."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import require_number
from mtl_lowres.registry import WEIGHTINGS
from mtl_lowres.weighting.base import StepSeeds, TaskAdam, TaskStep, TaskWeighting


@WEIGHTINGS.register("gradnorm")
class GradNorm(TaskWeighting):
    """Weights under which all tasks train at like speed.

    With G the norm of a task's weighted gradient of the last shared matrices, and r its loss
    relative to its first one, divided by the mean of that over the tasks, the weights are moved
    to bring each G to `mean(G) * r ** alpha`. They sum to the number of tasks.

    Args:
        alpha: at least 0; the higher, the more a task that lags is favoured.
        learning_rate: of the logarithm of the weights, at least 0.

    Raises:
        InputError: if a value is out of range.

    Source: Chen et al., "GradNorm" (ICML 2018, arXiv 1711.02257), algorithm 1. Deviations: the step
    is taken on the logarithm, which keeps weights positive, by an Adam of its own; tasks without a
    label in the batch are left out, and the others keep the sum that they had.
    """

    needs_shared = True

    def __init__(self, alpha: float = 1.5, learning_rate: float = 0.025):
        super().__init__()
        self.alpha = require_number("alpha", alpha, 0)
        self.learning_rate = require_number("learning_rate", learning_rate, 0)

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables; see `TaskWeighting.build`."""
        super().build(tasks)
        self.learned = tf.Variable(tf.ones(len(tasks)), trainable=False, name="learned")
        self.first_losses = tf.Variable(tf.zeros(len(tasks)), trainable=False, name="first_losses")
        self.adam = TaskAdam(len(tasks), self.learning_rate)

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Return the weights before this step and move them."""
        weights = self.learned.read_value()
        losses = tf.stack(step.losses)
        norms = tf.stack([_norm(step, loss) for loss in step.losses])
        self.first_losses.assign(tf.where(self.first_losses > 0, self.first_losses, losses))
        rates = tf.math.divide_no_nan(losses, self.first_losses)
        gradient = gradnorm_gradient(weights, norms, rates, step.labelled, self.alpha)
        moved = weights * tf.exp(self.adam.change(gradient * weights, step.labelled))
        self.learned.assign(_with_sum_of(weights, moved, step.labelled))
        return weights


def gradnorm_gradient(
    weights: tf.Tensor, norms: tf.Tensor, rates: tf.Tensor, labelled: tf.Tensor, alpha: float
) -> tf.Tensor:
    """Return the gradient of GradNorm's loss, sum |G - target|, by the weights.

    Args:
        weights: float32 [tasks].
        norms: norm of each task's unweighted gradient, float32 [tasks].
        rates: loss of each task relative to its first, float32 [tasks].
        labelled: bool [tasks]; only these take part, the others get 0.
        alpha: exponent of the relative rates.
    """
    norms = tf.where(labelled, norms, 0.0)
    rates = tf.where(labelled, rates, 0.0)
    count = tf.reduce_sum(tf.cast(labelled, tf.float32))
    weighted = weights * norms
    relative = tf.math.divide_no_nan(rates * count, tf.reduce_sum(rates))
    # G and target are compared times `count`: a mean over one task is then that task's to the bit.
    target = tf.reduce_sum(weighted) * relative**alpha
    return tf.where(labelled, tf.sign(count * weighted - target) * norms, 0.0)


@WEIGHTINGS.register("pcgrad")
class PCGrad(TaskWeighting):
    """Gradient surgery: of two tasks that pull against each other, only what does not.

    From each task's gradient of the trunk, its projection on another task's gradient is taken away
    where the two conflict, over the other tasks in random order; the results are added. The heads
    are trained as with equal weights. `task_weights` tells how much of each task's own gradient
    went into the sum; without any conflict that is 1.

    Source: Yu et al., "Gradient surgery for multi-task learning" (NeurIPS 2020, arXiv 2001.06782),
    algorithm 1.
    """

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables; see `TaskWeighting.build`."""
        super().build(tasks)
        self.seeds = StepSeeds()

    def gradients(self, step: TaskStep) -> list[tf.Tensor | None]:
        """Return the projected gradients of the trunk and the plain ones of the heads."""
        shared = {id(variable) for variable in step.shared}
        tasks = len(self.tasks)
        per_task = [step.tape.gradient(loss, step.variables) for loss in step.losses]
        rows = tf.stack([_flat(gradients, step.variables, shared) for gradients in per_task])
        orders = tf.argsort(tf.random.stateless_uniform([tasks, tasks], self.seeds.next()), axis=1)
        weights = projection_weights(tf.matmul(rows, rows, transpose_b=True), orders)
        self.weights.assign(weights)
        factors = tf.unstack(weights)
        if step.penalty is not None:
            per_task.append(step.tape.gradient(step.penalty, step.variables))
            factors.append(tf.ones([]))
        plain = [tf.ones([])] * len(factors)
        return [
            _weighted_sum(gradients, factors if id(variable) in shared else plain)
            for variable, *gradients in zip(step.variables, *per_task, strict=True)
        ]


def projection_weights(gram: tf.Tensor, orders: tf.Tensor) -> tf.Tensor:
    """Return the weight of each task's gradient in PCGrad's sum, float32 [tasks].

    A projected gradient is a combination of the original ones, and each of its products with one
    of them follows from their products; so the whole algorithm runs on tasks x tasks numbers.

    Args:
        gram: inner products of the tasks' gradients, float32 [tasks, tasks].
        orders: int [tasks, tasks]; row i is the order in which task i meets the tasks. Its
            meeting with itself does nothing.
    """
    tasks = gram.shape[0]
    squares = tf.linalg.diag_part(gram)
    mixing = tf.eye(tasks)  # row i: the combination that task i's gradient has become
    for turn in range(tasks):
        other = orders[:, turn]
        product = tf.reduce_sum(mixing * tf.gather(gram, other), axis=1)
        conflict = tf.where(other == tf.range(tasks), 0.0, tf.minimum(product, 0.0))
        share = tf.math.divide_no_nan(conflict, tf.gather(squares, other))
        mixing -= share[:, None] * tf.one_hot(other, tasks)
    return tf.reduce_sum(mixing, axis=0)


def _norm(step: TaskStep, loss: tf.Tensor) -> tf.Tensor:
    gradients = step.tape.gradient(
        loss, step.last_shared, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return tf.linalg.global_norm(gradients)


def _with_sum_of(weights: tf.Tensor, moved: tf.Tensor, labelled: tf.Tensor) -> tf.Tensor:
    """Return `moved` scaled so that the labelled tasks have the sum they have in `weights`."""
    mask = tf.cast(labelled, tf.float32)
    scale = tf.math.divide_no_nan(tf.reduce_sum(mask * weights), tf.reduce_sum(mask * moved))
    return tf.where(labelled, moved * scale, weights)


def _flat(gradients: Sequence, variables: Sequence[tf.Variable], shared: set[int]) -> tf.Tensor:
    """Return one task's gradient of the shared variables as a vector, 0 where there is none."""
    parts = [
        tf.zeros(variable.shape.num_elements()) if gradient is None else tf.reshape(gradient, [-1])
        for gradient, variable in zip(gradients, variables, strict=True)
        if id(variable) in shared
    ]
    return tf.concat(parts, axis=0) if parts else tf.zeros(1)


def _weighted_sum(gradients: Sequence, factors: Sequence[tf.Tensor]) -> tf.Tensor | None:
    parts = [
        factor * tf.convert_to_tensor(gradient)
        for gradient, factor in zip(gradients, factors, strict=True)
        if gradient is not None
    ]
    return tf.add_n(parts) if parts else None
