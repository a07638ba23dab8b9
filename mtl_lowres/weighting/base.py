"""What every task weighting provides."""

import dataclasses
import random
from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import build_call, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.registry import WEIGHTINGS


@dataclasses.dataclass(frozen=True)
class TaskStep:
    """The losses of one batch, and what is needed to differentiate them.

    Attributes:
        tape: persistent tape that recorded the losses.
        losses: one scalar a task, 0 where the batch has no label of it.
        labelled: bool [tasks], whether the batch has a label of the task.
        penalty: sum of the regularisation losses, or None.
        variables: everything that is trained.
        shared: those of `variables` that all tasks share, the trunk's.
        last_shared: the trunk's matrices nearest to its output.
    """

    tape: tf.GradientTape
    losses: Sequence[tf.Tensor]
    labelled: tf.Tensor
    penalty: tf.Tensor | None
    variables: Sequence[tf.Variable]
    shared: Sequence[tf.Variable]
    last_shared: Sequence[tf.Variable]


class TaskWeighting(tf.Module):
    """A rule for the weight of each task's loss.

    Its state is in TensorFlow variables, so that a checkpoint of it resumes to the bit. A task
    without a label in a batch takes no part in what a rule learns from that batch.

    A subclass defines `step_weights`, or `gradients` where one weight a task is not enough.

    Attributes:
        tasks: names of the tasks, in the order of all vectors here.
        weights: variable float32 [tasks], the weights of the last step.
    """

    # Whether the rule compares gradients of the trunk, which must then have something to train.
    needs_shared = False

    def build(self, tasks: Sequence[str]) -> None:
        """Make the variables, at their initial values.

        Args:
            tasks: names of the tasks, at least one.

        Raises:
            InputError: if the settings do not fit the tasks.
        """
        self.tasks = tuple(tasks)
        self.weights = tf.Variable(tf.ones(len(tasks)), trainable=False, name="weights")

    def step_weights(self, step: TaskStep) -> tf.Tensor:
        """Return the weights for this batch, float32 [tasks], and learn from it."""
        raise NotImplementedError(f"{type(self).__name__} must define step_weights(step)")

    def gradients(self, step: TaskStep) -> list[tf.Tensor | None]:
        """Return the gradient for each of `step.variables`, None where there is none."""
        weights = self.step_weights(step)
        self.weights.assign(weights)
        targets, factors = list(step.losses), tf.unstack(weights)
        if step.penalty is not None:
            targets, factors = [*targets, step.penalty], [*factors, tf.ones_like(step.penalty)]
        return step.tape.gradient(targets, step.variables, output_gradients=factors)

    def on_epoch_end(self) -> None:
        """Learn from the epoch that has ended; `MultiTaskModel.fit` calls it."""

    def task_weights(self) -> dict[str, float]:
        """Return the weight of each task at the last step."""
        return dict(zip(self.tasks, map(float, self.weights.numpy()), strict=True))


class TaskAdam(tf.Module):
    """Adam on one number a task, in which each task has a step counter of its own.

    Weights are learned by it rather than by the model's optimiser, whose weight decay and
    learning-rate schedule are meant for the network.
    """

    def __init__(self, tasks: int, learning_rate: float):
        super().__init__()
        self.learning_rate = learning_rate
        self.mean = tf.Variable(tf.zeros(tasks), trainable=False, name="mean")
        self.square = tf.Variable(tf.zeros(tasks), trainable=False, name="square")
        self.steps = tf.Variable(tf.zeros(tasks), trainable=False, name="steps")

    def change(self, gradient: tf.Tensor, labelled: tf.Tensor) -> tf.Tensor:
        """Return what to add to the numbers [tasks]: 0 where not `labelled`, bool [tasks]."""
        rate = tf.cast(labelled, tf.float32)
        self.steps.assign_add(rate)
        self.mean.assign_add(rate * 0.1 * (gradient - self.mean))
        self.square.assign_add(rate * 0.001 * (gradient**2 - self.square))
        # Before the first step of a task both are 0, and so is their quotient.
        mean = tf.math.divide_no_nan(self.mean, 1.0 - 0.9**self.steps)
        square = tf.math.divide_no_nan(self.square, 1.0 - 0.999**self.steps)
        return -rate * self.learning_rate * mean / (tf.sqrt(square) + 1e-7)


class StepSeeds(tf.Module):
    """A new seed every step; a checkpoint of it goes on with the same ones.

    The first is drawn from Python's generator, which `tf.keras.utils.set_random_seed` seeds.
    """

    def __init__(self):
        super().__init__()
        start = [random.getrandbits(31), 0]
        self.state = tf.Variable(start, dtype=tf.int64, trainable=False, name="seed")

    def next(self) -> tf.Tensor:
        """Return a seed for TensorFlow's stateless random operations, int64 [2]."""
        return self.state.assign_add([0, 1])


def parse_weighting(text: str) -> TaskWeighting:
    """Return the weighting that a text in the recipe language names.

    Args:
        text: `"equal"`, `"fixed(posture=1, age=0.2)"`, `"uncertainty"`, `"dwa(temperature=2)"`,
            `"gradnorm(alpha=1.5)"`, `"pcgrad"` or `"random"`.

    Raises:
        InputError: if the name is unknown, or an option is unknown or out of range.
    """
    calls = parse_calls(text)
    if len(calls) != 1:
        raise InputError(f"weighting {text!r} joins {len(calls)} weightings: give one")
    return build_call(calls[0], WEIGHTINGS)
