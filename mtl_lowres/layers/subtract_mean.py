"""Values without the mean of their sample."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class SubtractMean(tf.keras.layers.Layer):
    """Takes the mean along one axis off, so that only what differs along it is left.

    Args:
        axis: such as 1 for the frames of clips [n, t, h, w, c], or -1 for channels.
    """

    def __init__(self, axis: int, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        """Return the differences from the mean, of the shape of the inputs."""
        return inputs - tf.reduce_mean(inputs, axis=self.axis, keepdims=True)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}
