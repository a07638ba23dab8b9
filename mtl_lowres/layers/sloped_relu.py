"""The activation of LowNet."""

import math

import tensorflow as tf

from mtl_lowres.errors import InputError


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class SlopedReLU(tf.keras.layers.Layer):
    """ReLU whose positive side has a chosen slope: `slope * max(x, 0)`.

    This is a gain on the positive side, not the small negative-side slope of a leaky ReLU.

    Args:
        slope: positive factor; 1 is the ordinary ReLU.

    Raises:
        InputError: if `slope` is not a positive, finite number.

    Shapes:
        any float tensor -> the same shape and dtype.

    Example:
        >>> SlopedReLU(2.0)(tf.constant([-1.0, 0.0, 1.5])).numpy()
        array([0., 0., 3.], dtype=float32)

    Source: LowNet (Gochoo et al., ICIP 2020), "variable ReLU slopes".
    """

    def __init__(self, slope: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if not (math.isfinite(slope) and slope > 0):
            raise InputError(f"slope={slope!r} cannot be used: give a positive number such as 2")
        self.slope = float(slope)

    def call(self, inputs):
        """Return `slope * max(inputs, 0)`."""
        return self.slope * tf.nn.relu(inputs)

    def compute_output_shape(self, input_shape):
        """Return `input_shape`."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "slope": self.slope}
