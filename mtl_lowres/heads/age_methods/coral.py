"""Age as the answers to "older than ...?" for every year."""

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.age_methods.base import AgeMethod
from mtl_lowres.losses.coral import Coral, even_shares

_ANSWERS = ("median", "mean")


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class OrdinalLogits(tf.keras.layers.Layer):
    """Logits [n, count - 1] from features [n, d]: one weight vector, one bias a threshold.

    The biases start at the log-odds of ages spread evenly over the range, so that they are in
    order and neighbours learn alike. The paper starts them at 0, from where they need thousands of
    steps to part.

    Args:
        count: number of years in the range.
        **kwargs: of every Keras layer.
    """

    def __init__(self, count: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape):
        """Add the weight vector and the biases."""
        p = even_shares(self.count)
        self.kernel = self.add_weight("kernel", (input_shape[-1], 1), initializer="glorot_uniform")
        self.bias = self.add_weight(
            "bias",
            (self.count - 1,),
            initializer=tf.keras.initializers.Constant(np.log(p / (1 - p))),
        )
        super().build(input_shape)

    def call(self, inputs):
        """Return the logits."""
        # As a product of matrices, TensorFlow Lite would take the biases for those of its outputs.
        return tf.linalg.matvec(inputs, self.kernel[:, 0])[:, tf.newaxis] + self.bias

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "count": self.count}


class CoralOrdinal(AgeMethod):
    """Logits of being older than each year but the last, [n, max_age - min_age].

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        answer: `"median"`, which counts the thresholds more likely exceeded than not, as in the
            paper, or `"mean"`, which adds their probabilities.

    Raises:
        InputError: if `answer` is another.

    Source: CORAL (Cao et al. 2019, arXiv 1901.07884).
    """

    options = ("answer",)

    def __init__(self, min_age: int, max_age: int, answer: str = "median"):
        super().__init__(min_age, max_age)
        if answer not in _ANSWERS:
            raise InputError(f"answer={answer!r} cannot be used: give {' or '.join(_ANSWERS)}")
        self.answer = answer

    def build(self, x, name):
        """Return the logits."""
        return OrdinalLogits(self.count, dtype="float32", name=name)(x)

    def loss(self):
        """Return the sum of the binary cross-entropies."""
        return Coral(self.min_age, self.max_age)

    def years(self, output):
        """Return the median or the mean."""
        if self.answer == "median":
            exceeded = tf.cast(output > 0, tf.float32)
        else:
            exceeded = tf.sigmoid(output)
        return self.min_age + tf.reduce_sum(exceeded, axis=-1)

    def std_years(self, output):
        """Return the standard deviation, from P(rank > k): E[rank**2] = sum of (2 k + 1) P."""
        p = tf.sigmoid(output)
        odd = tf.range(1, 2 * self.count - 2, 2, dtype=tf.float32)
        mean = tf.reduce_sum(p, axis=-1)
        # The difference of two large numbers: rounding may take it below 0.
        return tf.sqrt(tf.maximum(tf.reduce_sum(odd * p, axis=-1) - tf.square(mean), 0.0))

    def get_options(self):
        """Return `answer`."""
        return {"answer": self.answer}
