"""Weights that follow from the values of the losses, or from nothing at all."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import require_number
from mtl_lowres.errors import InputError
from mtl_lowres.registry import WEIGHTINGS
from mtl_lowres.weighting.base import StepSeeds, TaskAdam, TaskStep, TaskWeighting


@WEIGHTINGS.register("equal")
class Equal(TaskWeighting):
    """Every task has weight 1; training is that of plain Keras."""

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Return ones."""
        return tf.ones_like(self.weights)


@WEIGHTINGS.register("fixed")
class Fixed(TaskWeighting):
    """Every task has the weight given here.

    Args:
        **weights: task -> weight, a number of at least 0, one of them positive; every task of the
            model needs one.

    Raises:
        InputError: if a weight cannot be used or, when compiling, a task is unknown or missing.

    Example:
        >>> model.compile("adam", weighting="fixed(posture=1, age=0.2)")
    """

    def __init__(self, **weights: float):
        super().__init__()
        self._given = tuple((task, require_number(task, w, 0)) for task, w in weights.items())
        if not any(weight for _, weight in self._given):
            raise InputError(
                f"fixed weights {weights!r} train nothing: give a positive one, such as posture=1"
            )

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables; see `TaskWeighting.build`."""
        super().build(tasks)
        given = dict(self._given)
        for task in given:
            if task not in tasks:
                raise InputError(f"fixed: no task {task!r} to weight, the tasks are {list(tasks)}")
        for task in tasks:
            if task not in given:
                raise InputError(f"fixed: task {task!r} has no weight: add {task}=1")
        self.weights.assign([given[task] for task in tasks])

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Return the weights given."""
        return self.weights.read_value()


@WEIGHTINGS.register("uncertainty")
class Uncertainty(TaskWeighting):
    """Weights learned as the noise of each task.

    The total is the sum over the tasks of `L / (2 exp(s)) + s / 2` with a learned `s`, the
    logarithm of the variance. It is smallest at `exp(s) = L`, so a weight tends to `1 / (2 L)`.

    Args:
        learning_rate: of `s`, positive.

    Raises:
        InputError: if `learning_rate` cannot be used.

    Source: Kendall et al., "Multi-task learning using uncertainty to weigh losses" (CVPR 2018,
    arXiv 1705.07115), as its users mtan and LibMTL code it, `s` starting at -0.5. The paper has
    `L / exp(s)`, twice as much, for classification; here all tasks are alike, as in that code.
    Deviation: `s` has an Adam of its own at a constant rate, in the code it shares the network's.
    """

    def __init__(self, learning_rate: float = 0.01):
        super().__init__()
        self.learning_rate = _positive("learning_rate", learning_rate)

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables; see `TaskWeighting.build`."""
        super().build(tasks)
        start = tf.fill([len(tasks)], -0.5)
        self.log_variances = tf.Variable(start, trainable=False, name="log_variances")
        self.adam = TaskAdam(len(tasks), self.learning_rate)
        self.weights.assign(0.5 * tf.exp(-start))

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Return 1 / (2 exp(s)) and move each `s` along its gradient, 1/2 - L / (2 exp(s))."""
        weights = 0.5 * tf.exp(-self.log_variances)
        gradient = 0.5 - weights * tf.stack(step.losses)
        self.log_variances.assign_add(self.adam.change(gradient, step.labelled))
        return weights


@WEIGHTINGS.register("dwa")
class DWA(TaskWeighting):
    """Dynamic weight average: a task whose loss falls slower than the others' weighs more.

    With `w = L(t-1) / L(t-2)`, the ratio of the last two epochs' mean losses, the weights are
    `tasks * softmax(w / temperature)`; they are 1 in the first two epochs. An epoch's mean is over
    the batches that have a label of the task; where there is none, the ratio is 1.

    Args:
        temperature: positive; the higher, the more alike the weights.

    Raises:
        InputError: if `temperature` cannot be used.

    Source: Liu et al., "End-to-end multi-task learning with attention" (CVPR 2019,
    arXiv 1803.10704), section 3.3.
    """

    def __init__(self, temperature: float = 2.0):
        super().__init__()
        self.temperature = _positive("temperature", temperature)

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables; see `TaskWeighting.build`."""
        super().build(tasks)
        zeros = tf.zeros(len(tasks))
        self.total = tf.Variable(zeros, trainable=False, name="total")
        self.batches = tf.Variable(zeros, trainable=False, name="batches")
        self.previous = tf.Variable(zeros, trainable=False, name="previous")

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Return the weights of this epoch and add the losses to its mean."""
        self.total.assign_add(tf.stack(step.losses))
        self.batches.assign_add(tf.cast(step.labelled, tf.float32))
        return self.weights.read_value()

    def on_epoch_end(self) -> None:
        """Set the weights of the next epoch."""
        mean = tf.where(
            self.batches > 0, tf.math.divide_no_nan(self.total, self.batches), self.previous
        )
        ratio = tf.where(self.previous > 0, tf.math.divide_no_nan(mean, self.previous), 1.0)
        self.weights.assign(len(self.tasks) * tf.nn.softmax(ratio / self.temperature))
        self.previous.assign(mean)
        self.total.assign(tf.zeros_like(mean))
        self.batches.assign(tf.zeros_like(mean))


@WEIGHTINGS.register("random")
class Random(TaskWeighting):
    """New weights every step, `tasks * softmax(normal)`: what a learned weighting must beat.

    Source: Lin et al., "Reasonable effectiveness of random weighting" (TMLR 2022,
    arXiv 2111.10603).
    """

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables; see `TaskWeighting.build`."""
        super().build(tasks)
        self.seeds = StepSeeds()

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Draw the weights."""
        tasks = len(self.tasks)
        return tasks * tf.nn.softmax(tf.random.stateless_normal([tasks], self.seeds.next()))


def _positive(name: str, value: float) -> float:
    if require_number(name, value, 0) == 0:
        raise InputError(f"{name} must be positive, got {value!r}")
    return float(value)
