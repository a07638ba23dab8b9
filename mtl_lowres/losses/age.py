"""What the losses of age share, and the squared error of years."""

import tensorflow as tf

from mtl_lowres.losses.base import LabelledMeanLoss


def to_years(labels: tf.Tensor) -> tf.Tensor:
    """Return labels of age as float32 [n].

    Args:
        labels: years [n] or [n, 1] of any numeric dtype; NaN, which only a missing label may be,
            becomes 0.
    """
    years = tf.reshape(tf.cast(labels, tf.float32), [-1])
    # Weighing a NaN by 0 afterwards would still leave NaN in the gradient.
    return tf.where(tf.math.is_nan(years), 0.0, years)


def even_variance(count: int) -> float:
    """Return the variance of `count` consecutive years that are equally likely."""
    return (count**2 - 1) / 12


class AgeLoss(LabelledMeanLoss):
    """A loss of age labels, divided by what an uninformed answer costs.

    That is the answer which holds all ages of the range for equally likely (for the squared error,
    the middle of the range), when the true ages are spread evenly over it. So every such loss is
    about 1 at the start whatever its method and range, and can be weighed against other tasks.

    Labels are years, float [n] or [n, 1]; those outside the range count as its nearest end.
    Fractional years, which mixing of images gives, are allowed.

    A subclass defines `cost` and `even_cost`.

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        name: of the loss.
    """

    even_cost: float

    def __init__(self, min_age: int, max_age: int, name: str | None = None):
        super().__init__(name=name)
        self.min_age = min_age
        self.max_age = max_age
        self.count = max_age - min_age + 1

    def call(self, y_true, y_pred):
        """Return the loss of each sample, float32 [n]."""
        years = tf.clip_by_value(to_years(y_true), self.min_age, self.max_age)
        return self.cost(years, tf.convert_to_tensor(y_pred)) / self.even_cost

    def cost(self, years: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Return the loss of each sample [n] as published, from years [n] within the range."""
        raise NotImplementedError(f"{type(self).__name__} must define cost(years, y_pred)")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "min_age": self.min_age, "max_age": self.max_age}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class AgeSquaredError(AgeLoss):
    """Squared error of years [n, 1], in variances of an even spread of ages over the range.

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        name: of the loss.

    Source: the lightweight multi-task network, which divides by the square of the highest age.
    """

    def __init__(self, min_age: int = 0, max_age: int = 100, name: str = "age_squared_error"):
        super().__init__(min_age, max_age, name)
        self.even_cost = even_variance(self.count)

    def cost(self, years, y_pred):
        """Return `(years - y_pred)**2`, [n]."""
        return tf.square(years - tf.reshape(y_pred, [-1]))
