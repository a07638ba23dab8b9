"""Attention over the places of a feature map."""

import tensorflow as tf

from mtl_lowres.errors import InputError


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class SpatialAttention(tf.keras.layers.Layer):
    """Weighs every place of a feature map by a number in (0, 1) that is learnt from the map.

    The mean and the maximum over the channels make an image of two channels; its convolution with
    one `kernel_size` x `kernel_size` filter without bias, through a sigmoid, is the weight of each
    place.

    Args:
        kernel_size: odd side of the filter, in places.

    Raises:
        InputError: if `kernel_size` is not a positive odd integer.

    Shapes:
        float [n, h, w, c] -> the same shape and dtype.

    Source: CBAM (Woo et al., ECCV 2018), equation 3, with the 3x3 filter (there 7x7) and the He
    initialisation of Tandia's multi-task network.
    """

    def __init__(self, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
            raise InputError(
                f"kernel_size={kernel_size!r} cannot be used: give an odd number of places, as 3"
            )
        self.kernel_size = kernel_size

    def build(self, input_shape):
        """Create the filter."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, 2, 1),
            initializer="he_normal",
        )
        super().build(input_shape)

    def call(self, maps):
        """Return the maps, each place multiplied by its weight."""
        mean = tf.reduce_mean(maps, axis=-1, keepdims=True)
        largest = tf.reduce_max(maps, axis=-1, keepdims=True)
        pooled = tf.concat([mean, largest], axis=-1)
        return maps * tf.sigmoid(tf.nn.conv2d(pooled, self.kernel, strides=1, padding="SAME"))

    def compute_output_shape(self, input_shape):
        """Return `input_shape`."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "kernel_size": self.kernel_size}
