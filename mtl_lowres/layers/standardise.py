"""Features brought to mean 0 and deviation 1, each by its own measured figures."""

import numpy as np
import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class Standardise(tf.keras.layers.Layer):
    """Returns (x - mean) / deviation, of weights that are measured once and not trained.

    Until `adapt` is called it returns x. Keras's `Normalization` would divide a feature that was
    constant when it was measured, such as a dead channel, by 1e-7.
    """

    def build(self, input_shape):
        """Make the weights for inputs [n, d]."""
        shape = input_shape[-1:]
        self.mean = self.add_weight("mean", shape=shape, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(
            "deviation", shape=shape, initializer="ones", trainable=False
        )
        super().build(input_shape)

    def adapt(self, vectors: np.ndarray) -> None:
        """Take the mean and deviation of each column of vectors [n, d]; a constant one has 1."""
        deviation = vectors.std(axis=0)
        self.mean.assign(vectors.mean(axis=0))
        self.deviation.assign(np.where(deviation > tf.keras.backend.epsilon(), deviation, 1.0))

    def call(self, x):
        """Return the standardised inputs, [n, d]."""
        return (x - self.mean) / self.deviation
