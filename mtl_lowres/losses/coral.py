"""CORAL: age as the answers to "older than ...?" for every year."""

import numpy as np
import tensorflow as tf

from mtl_lowres.losses.age import AgeLoss


def even_shares(count: int) -> np.ndarray:
    """Return the share of `count` equally likely years above each but the last, [count - 1]."""
    return np.arange(count - 1, 0, -1) / count


def ordinal_levels(years: tf.Tensor, min_age: int, count: int) -> tf.Tensor:
    """Return 1 for every threshold that years [n] exceed, float32 [n, count - 1].

    The thresholds are the years of the range but the last. A fractional year exceeds the one below
    it in part, so that the sum of the levels is always years - min_age.
    """
    thresholds = tf.range(min_age, min_age + count - 1, dtype=tf.float32)
    return tf.clip_by_value(years[:, None] - thresholds, 0.0, 1.0)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class Coral(AgeLoss):
    """Sum over the thresholds of the binary cross-entropy, from logits [n, max_age - min_age].

    Args:
        min_age: first year of the range.
        max_age: last year of the range.
        name: of the loss.

    Source: Cao et al. 2019 (arXiv 1901.07884), equation of the loss, all thresholds weighted 1.
    """

    def __init__(self, min_age: int = 0, max_age: int = 100, name: str = "coral"):
        super().__init__(min_age, max_age, name)
        p = even_shares(self.count)
        self.even_cost = float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).sum())

    def cost(self, years, y_pred):
        """Return the sum of the binary cross-entropies of each sample."""
        levels = ordinal_levels(years, self.min_age, self.count)
        terms = tf.nn.sigmoid_cross_entropy_with_logits(levels, y_pred)
        return tf.reduce_sum(terms, axis=-1)
