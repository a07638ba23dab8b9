"""Age as a probability of every year."""

from typing import Any

import tensorflow as tf

from mtl_lowres.heads.age_methods.base import AgeMethod
from mtl_lowres.losses.age_softmax import (
    AgeCrossEntropy,
    AgeLabelDistribution,
    AgeMeanVariance,
    mean_and_variance,
)


class YearSoftmax(AgeMethod):
    """A softmax over the years of the range [n, max_age - min_age + 1]; its expectation is the age.

    A subclass names the loss that it is trained with; the options are that loss's.
    """

    loss_type: type[AgeCrossEntropy | AgeLabelDistribution | AgeMeanVariance]

    def __init__(self, min_age: int, max_age: int, **options: Any):
        super().__init__(min_age, max_age)
        self._loss = self.loss_type(min_age, max_age, **options)

    def build(self, x, name):
        """Return the probabilities of the years."""
        x = tf.keras.layers.Dense(self.count, dtype="float32", name=f"{name}_logits")(x)
        return tf.keras.layers.Softmax(dtype="float32", name=name)(x)

    def loss(self):
        """Return the loss of the method."""
        return self._loss

    def years(self, output):
        """Return the expectation."""
        return self._moments(output)[0]

    def std_years(self, output):
        """Return the standard deviation of the distribution."""
        return tf.sqrt(self._moments(output)[1])

    def _moments(self, output):
        grid = tf.range(self.min_age, self.max_age + 1, dtype=tf.float32)
        return mean_and_variance(output, grid)

    def get_options(self):
        """Return the options of the loss."""
        config = self._loss.get_config()
        return {name: config[name] for name in self.options}


class Dex(YearSoftmax):
    """Trained with the cross-entropy (DEX)."""

    loss_type = AgeCrossEntropy


class MeanVariance(YearSoftmax):
    """Trained with the mean-variance loss."""

    loss_type = AgeMeanVariance
    options = ("mean_weight", "variance_weight")


class LabelDistribution(YearSoftmax):
    """Trained with labels that are normal distributions."""

    loss_type = AgeLabelDistribution
    options = ("label_spread",)
