"""Age as one number."""

import math

import tensorflow as tf

from mtl_lowres.heads.age_methods.base import AgeMethod
from mtl_lowres.losses.age import AgeSquaredError, even_variance


class SquaredError(AgeMethod):
    """One linear output, scaled so that 0 is the middle of the range and 1 a standard deviation.

    That is the deviation of ages spread evenly over the range. The output is in years, [n, 1], and
    may leave the range; `years` does not.

    Source: the lightweight multi-task network, which scales by the highest age instead.
    """

    def build(self, x, name):
        """Return years, float32 [n, 1]."""
        x = tf.keras.layers.Dense(1, dtype="float32", name=f"{name}_linear")(x)
        return tf.keras.layers.Rescaling(
            math.sqrt(even_variance(self.count)),
            (self.min_age + self.max_age) / 2,
            dtype="float32",
            name=name,
        )(x)

    def loss(self):
        """Return the squared error."""
        return AgeSquaredError(self.min_age, self.max_age)

    def years(self, output):
        """Return the output within the range."""
        return tf.clip_by_value(tf.reshape(output, [-1]), self.min_age, self.max_age)
