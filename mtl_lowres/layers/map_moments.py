"""What a map shows at all its places together: how much, and how unevenly."""

import tensorflow as tf

# Under the root of the variance, whose slope has no limit at 0.
_LEAST_VARIANCE = 1e-12


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class MapMoments(tf.keras.layers.Layer):
    """Returns the mean of each channel over all places, and behind them the standard deviations.

    [n, h, w, c] -> [n, 2 c], float32.
    """

    def call(self, maps):
        """Return means and deviations."""
        mean, variance = tf.nn.moments(tf.cast(maps, tf.float32), axes=[1, 2])
        return tf.concat([mean, tf.sqrt(tf.maximum(variance, _LEAST_VARIANCE))], axis=1)
