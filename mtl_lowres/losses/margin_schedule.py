"""How A-Softmax passes from the plain softmax to its margin."""

import tensorflow as tf

from mtl_lowres.errors import InputError

_LEAST = 5.0
# First value and slope of lambda = max(5, first / (1 + slope * step)).
_SCHEDULES = {"guidance": (1500.0, 0.1), "official": (1000.0, 0.12)}


def lambda_at(schedule: str, step: int) -> float:
    """Return lambda, the share of the cosine without margin, at a step of training.

    Args:
        schedule: `"guidance"`, `max(5, 1500 / (1 + 0.1 * step))`, which ends after 2,990 steps; or
            `"official"`, `max(5, 1000 / (1 + 0.12 * step))`, after 1,659.
        step: number of steps taken before, at least 0.

    Raises:
        InputError: if the schedule is unknown.

    Source: the low-resolution guidance release (Garyandtang/Low-Resolution-Face-Recognition-with-
    SphereFace), and the official training configuration of SphereFace (wy1iu/sphereface).
    """
    if schedule not in _SCHEDULES:
        raise InputError(f"unknown schedule {schedule!r}: known are {', '.join(_SCHEDULES)}")
    first, slope = _SCHEDULES[schedule]
    return max(_LEAST, first / (1.0 + slope * step))


class LambdaSchedule(tf.keras.callbacks.Callback):
    """Sets lambda before each step of training from the optimizer's count of steps, and logs it.

    So a resumed run goes on with the very values of an uninterrupted one. The log of an epoch has
    lambda of its last step as `<task>_lambda`.

    Args:
        blend: variable that holds lambda.
        schedule: name of a schedule; see `lambda_at`.
        task: that the loss is of.
    """

    def __init__(self, blend: tf.Variable, schedule: str, task: str):
        super().__init__()
        self._blend = blend
        self._schedule = schedule
        self._task = task

    def on_train_batch_begin(self, batch, logs=None):
        """Set lambda for the step that begins."""
        step = int(self.model.optimizer.iterations.numpy())
        self._blend.assign(lambda_at(self._schedule, step))

    def on_epoch_end(self, epoch, logs=None):
        """Write lambda to the log."""
        if logs is not None:
            logs[f"{self._task}_lambda"] = float(self._blend.numpy())
