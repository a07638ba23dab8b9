"""Views of one sample pulled together, samples of different classes pushed apart."""

import tensorflow as tf

from mtl_lowres.errors import InputError

# Below this squared distance two features count as equal, since a root has no slope at zero.
_LEAST = 1e-6


def contrastive_loss(
    features: tf.Tensor, samples: tf.Tensor, classes: tf.Tensor, margin: float
) -> tf.Tensor:
    """Return the contrastive loss of features, scaled to length 1, of several views of samples.

    With d the distance of two features: the mean of `d ** 2` over the pairs of views of one sample,
    plus the mean of `max(0, margin - d) ** 2` over the pairs of samples of different known classes.
    Pairs of different samples of one class do not count. Without such pairs a mean is 0.

    Args:
        features: float [n, d].
        samples: integers [n]: which sample each is a view of.
        classes: integers [n], negative where the class is not known.
        margin: distance at which different classes are far enough apart; at most 2 is possible.

    Returns:
        float32 [].

    Source: Hadsell, Chopra and LeCun, "Dimensionality reduction by learning an invariant mapping"
    (CVPR 2006), equation 4, without its halves; the length 1 is ours, so that a margin means the
    same for every network.
    """
    unit = tf.math.l2_normalize(tf.cast(features, tf.float32), axis=1)
    squared = tf.maximum(2.0 - 2.0 * tf.matmul(unit, unit, transpose_b=True), _LEAST)
    samples, classes = tf.reshape(samples, [-1]), tf.reshape(classes, [-1])
    same = samples[:, tf.newaxis] == samples
    known = (classes[:, tf.newaxis] >= 0) & (classes >= 0)
    apart = known & (classes[:, tf.newaxis] != classes) & ~same
    together = tf.linalg.set_diag(same, tf.zeros_like(samples, tf.bool))
    lacking = tf.maximum(margin - tf.sqrt(squared), 0.0)
    return _mean_of(squared, together) + _mean_of(lacking * lacking, apart)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class ContrastiveViews(tf.keras.layers.Layer):
    """Passes features on, and in training adds their `contrastive_loss` to what is minimised.

    Input: [features float [n, d], samples [n], classes [n]]. Output: the features.

    Args:
        weight: factor of the loss, at least 0.
        margin: see `contrastive_loss`; in [0, 2].

    Raises:
        InputError: if either is out of range.
    """

    def __init__(self, weight: float = 0.5, margin: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if not weight >= 0:
            raise InputError(f"weight={weight!r} cannot be used: give a number of at least 0")
        if not 0 <= margin <= 2:
            raise InputError(
                f"margin={margin!r} cannot be used: features of length 1 are 0 to 2 apart"
            )
        self.weight = weight
        self.margin = margin

    def call(self, inputs, training=None):
        """Return the features."""
        features, samples, classes = inputs
        if training:
            self.add_loss(self.weight * contrastive_loss(features, samples, classes, self.margin))
        return tf.identity(features)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "weight": self.weight, "margin": self.margin}


def _mean_of(values: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    counted = tf.cast(counted, values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values * counted), tf.reduce_sum(counted))
