"""Two streams that learn apart and answer together."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class EitherStream(tf.keras.layers.Layer):
    """Shows training one of two streams of each sample, and prediction both of them.

    What follows learns from each stream as if it were alone, so that a stream that is the better
    one on training people does not leave the other without an error to learn from. Where linear
    layers follow, the answer to both is the sum of their scores, the second one's times `weight`.

    Input: two tensors [n, ...]. Output: both; in training one of them is zero for each sample.

    Args:
        share: of the training samples of which the first stream is seen, in (0, 1).
        weight: factor on the second stream at prediction.
    """

    def __init__(self, share: float, weight: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.share = share
        self.weight = weight
        # Draws the samples: a layer of Keras, whose generator a resumed run sets back.
        self._left_out = tf.keras.layers.Dropout(1.0 - share)

    def call(self, streams, training=None):
        """Return both streams, in training with one of them zero for each sample."""
        first, second = streams
        if not training:
            return first, self.weight * second
        kept = tf.sign(self._left_out(tf.ones([tf.shape(first)[0], 1]), training=True))
        return _times(first, kept), _times(second, 1.0 - kept)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "share": self.share, "weight": self.weight}


def _times(features: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Return features [n, ...] times one factor of each sample, [n, 1]."""
    return features * tf.reshape(factors, [-1] + [1] * (features.shape.rank - 1))
