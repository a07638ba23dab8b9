"""A linear layer's output brought to the mean and size of the vectors it is to imitate."""

import numpy as np
import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class FeatureScale(tf.keras.layers.Layer):
    """Returns x * deviation + mean, of weights that are measured once and not trained.

    Until `adapt` is called it returns x.
    """

    def build(self, input_shape):
        """Make the weights for inputs [n, d]."""
        self.mean = self.add_weight(
            name="mean", shape=input_shape[-1:], initializer="zeros", trainable=False
        )
        self.deviation = self.add_weight(
            name="deviation", shape=(), initializer="ones", trainable=False
        )
        super().build(input_shape)

    def adapt(self, vectors: np.ndarray) -> None:
        """Take the mean of vectors [n, d] and their deviation from it, one for all d."""
        mean = vectors.mean(axis=0)
        self.mean.assign(mean)
        self.deviation.assign(max(float((vectors - mean).std()), tf.keras.backend.epsilon()))

    def call(self, x):
        """Return the scaled inputs, [n, d]."""
        return x * self.deviation + self.mean
