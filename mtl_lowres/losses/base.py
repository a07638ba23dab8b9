"""The reduction that all losses share."""

import tensorflow as tf


class LabelledMeanLoss(tf.keras.losses.Loss):
    """A Keras loss that is the weighted mean over the labelled samples of a batch.

    A sample without a label has weight 0, so a batch with k labelled of n samples contributes the
    mean over the k: `sum(weight * loss) / sum(weight)`, and exactly 0 when k is 0. Keras' own
    reduction divides by n, which would let a rarely labelled task fade.

    A subclass defines `call(y_true, y_pred) -> [n]`, the loss of each sample.
    """

    def __init__(self, name: str | None = None):
        # Keras divides a loss of this reduction by the number of replicas, as a mean needs.
        super().__init__(reduction=tf.keras.losses.Reduction.SUM_OVER_BATCH_SIZE, name=name)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the scalar loss; `sample_weight` is [n] or [n, 1], all ones when None."""
        losses = self.call(y_true, y_pred)
        if sample_weight is None:
            weights = tf.ones_like(losses)
        else:
            weights = tf.cast(tf.reshape(sample_weight, [-1]), losses.dtype)
        # The label of a weight-0 sample is arbitrary, so its loss may be NaN.
        total = tf.reduce_sum(tf.math.multiply_no_nan(losses, weights))
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights))

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name}
