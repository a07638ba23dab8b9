"""Label diversity: many coarse classifications of age, each with bins of its own."""

import math
from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.losses.age import AgeLoss
from mtl_lowres.losses.classification import cross_entropy_terms


def nearest_bins(years: tf.Tensor, centres: tf.Tensor) -> tf.Tensor:
    """Return which bin of each head is nearest, one-hot float32 [n, heads, bins].

    Args:
        years: [n].
        centres: of the bins, ascending, [heads, bins]; of two equally near the lower one counts.
    """
    distances = tf.abs(years[:, None, None] - centres)
    return tf.one_hot(tf.argmin(distances, axis=-1), centres.shape[-1])


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class LabelDiversity(AgeLoss):
    """Sum over the heads of the cross-entropy of probabilities float32 [n, heads, bins].

    Args:
        centres: of the bins in years, ascending, [heads, bins].
        min_age: first year of the range.
        max_age: last year of the range.
        name: of the loss.

    Source: Berg et al., ICPR 2020 (arXiv 2006.15864).
    """

    def __init__(
        self,
        centres: Sequence[Sequence[float]],
        min_age: int = 0,
        max_age: int = 100,
        name: str = "label_diversity",
    ):
        super().__init__(min_age, max_age, name)
        self.centres = [list(map(float, row)) for row in centres]
        self.even_cost = len(self.centres) * math.log(len(self.centres[0]))

    def cost(self, years, y_pred):
        """Return the sum of the cross-entropies of each sample."""
        y = nearest_bins(years, tf.constant(self.centres))
        return tf.reduce_sum(cross_entropy_terms(y, y_pred), axis=[-2, -1])

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "centres": self.centres}
