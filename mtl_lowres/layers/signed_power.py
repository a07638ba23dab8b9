"""Features made less skewed by a root that keeps their sign."""

import tensorflow as tf

from mtl_lowres.errors import InputError


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class SignedPower(tf.keras.layers.Layer):
    """Returns sign(x) * |x| ** exponent.

    Averages of a network's rectified maps are skewed: most are small and a few large. Their square
    roots, exponent 0.5, are nearer to what a linear SVM and k-means take for granted.

    Args:
        exponent: above 0; 1 leaves the values as they are.

    Raises:
        InputError: if the exponent is not above 0.
    """

    def __init__(self, exponent: float = 0.5, **kwargs):
        super().__init__(**kwargs)
        if not exponent > 0:
            raise InputError(f"exponent={exponent!r} cannot be used: give e.g. 0.5, or 1 for none")
        self.exponent = float(exponent)

    def call(self, x):
        """Return the powers, of the shape of x."""
        return tf.sign(x) * tf.abs(x) ** self.exponent

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "exponent": self.exponent}
