"""Losses of age on a softmax over the years of the range."""

import math

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses.age import AgeLoss, even_variance
from mtl_lowres.losses.classification import cross_entropy_terms, divergence_terms


def nearest_years(years: tf.Tensor, min_age: int, count: int) -> tf.Tensor:
    """Return years as distributions over the years of a range, float32 [n, count].

    A whole year gets 1; a fractional one is shared by its two neighbours such that the expectation
    is kept: 31.4 becomes 0.6 of 31 and 0.4 of 32.
    """
    grid = tf.range(min_age, min_age + count, dtype=tf.float32)
    return tf.maximum(1.0 - tf.abs(years[:, None] - grid), 0.0)


def gaussian_years(years: tf.Tensor, min_age: int, count: int, spread: float) -> tf.Tensor:
    """Return normal distributions around years [n], over the years of a range, [n, count]."""
    grid = tf.range(min_age, min_age + count, dtype=tf.float32)
    return tf.nn.softmax(-tf.square((years[:, None] - grid) / spread) / 2.0)


def mean_and_variance(p: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return expectation and variance [n] of values [k] under probabilities [n, k]."""
    mean = tf.reduce_sum(p * values, axis=-1)
    return mean, tf.reduce_sum(p * tf.square(values - mean[:, None]), axis=-1)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class AgeCrossEntropy(AgeLoss):
    """Cross-entropy of probabilities float32 [n, max_age - min_age + 1] of the years.

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        name: of the loss.

    Source: DEX (Rothe et al., IJCV 2018).
    """

    def __init__(self, min_age: int = 0, max_age: int = 100, name: str = "age_cross_entropy"):
        super().__init__(min_age, max_age, name)
        self.even_cost = math.log(self.count)

    def cost(self, years, y_pred):
        """Return the cross-entropy of each sample."""
        y = nearest_years(years, self.min_age, self.count)
        return tf.reduce_sum(cross_entropy_terms(y, y_pred), axis=-1)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class AgeMeanVariance(AgeLoss):
    """Mean-variance loss: cross-entropy, error of the expectation, and variance.

    `CE + mean_weight * (E - y)**2 / 2 + variance_weight * V`, in years, of probabilities float32
    [n, max_age - min_age + 1].

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        mean_weight: factor of the squared error of the expectation, at least 0.
        variance_weight: factor of the variance, at least 0.
        name: of the loss.

    Raises:
        InputError: if a weight is negative.

    Source: Pan et al., CVPR 2018; weights as commonly used (0.2 and 0.05).
    """

    def __init__(
        self,
        min_age: int = 0,
        max_age: int = 100,
        mean_weight: float = 0.2,
        variance_weight: float = 0.05,
        name: str = "age_mean_variance",
    ):
        super().__init__(min_age, max_age, name)
        for option, value in (("mean_weight", mean_weight), ("variance_weight", variance_weight)):
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{option}={value!r} cannot be used: give a number of at least 0")
        self.mean_weight = float(mean_weight)
        self.variance_weight = float(variance_weight)
        spread = even_variance(self.count)
        self.even_cost = (
            math.log(self.count) + (self.mean_weight / 2 + self.variance_weight) * spread
        )

    def cost(self, years, y_pred):
        """Return the weighted sum of the three parts for each sample."""
        y = nearest_years(years, self.min_age, self.count)
        cross_entropy = tf.reduce_sum(cross_entropy_terms(y, y_pred), axis=-1)
        grid = tf.range(self.min_age, self.max_age + 1, dtype=tf.float32)
        mean, variance = mean_and_variance(y_pred, grid)
        mean_part = self.mean_weight * tf.square(mean - years) / 2.0
        return cross_entropy + mean_part + self.variance_weight * variance

    def get_config(self):
        """Return the constructor's arguments."""
        weights = {"mean_weight": self.mean_weight, "variance_weight": self.variance_weight}
        return {**super().get_config(), **weights}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class AgeLabelDistribution(AgeLoss):
    """Divergence of probabilities of the years from a normal distribution around the label.

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        label_spread: standard deviation of that distribution in years, positive.
        name: of the loss.

    Raises:
        InputError: if `label_spread` is not positive.

    Source: deep label distribution learning (Gao et al., TIP 2017), one spread for all samples.
    """

    def __init__(
        self,
        min_age: int = 0,
        max_age: int = 100,
        label_spread: float = 2.0,
        name: str = "age_label_distribution",
    ):
        super().__init__(min_age, max_age, name)
        if not (math.isfinite(label_spread) and label_spread > 0):
            raise InputError(f"label_spread={label_spread!r} cannot be used: give years above 0")
        self.label_spread = float(label_spread)
        self.even_cost = self._even_cost()

    def _even_cost(self) -> float:
        """Return the mean over the years of the divergence of an even answer."""
        grid = np.arange(self.count)
        y = np.exp(-(((grid[:, None] - grid) / self.label_spread) ** 2) / 2)
        y = np.maximum(y / y.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return float((y * np.log(y * self.count)).sum(axis=1).mean())

    def cost(self, years, y_pred):
        """Return KL(label || prediction) of each sample."""
        y = gaussian_years(years, self.min_age, self.count, self.label_spread)
        return tf.reduce_sum(divergence_terms(y, y_pred), axis=-1)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "label_spread": self.label_spread}
