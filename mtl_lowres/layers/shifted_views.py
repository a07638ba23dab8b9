"""Prediction averaged over small shifts, inside the graph and without parameters."""

import tensorflow as tf

# (down, right) in units of the shift: the image itself and its four neighbours.
_DIRECTIONS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
SHIFTS = len(_DIRECTIONS)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class ShiftedViews(tf.keras.layers.Layer):
    """Shows the rest of a network each image at five places; `MeanOfViews(5)` joins what it says.

    In 16 pixels a person who stands half a step aside looks like another image. Averaging over
    shifts of the image makes the answer depend less on it. In training the images pass unchanged,
    since augmentation shifts them there.

    Input: [n, h, w, c]. Output: [5 n, h, w, c] at prediction, [n, h, w, c] in training. The border
    is repeated where the image is moved away from it.

    Args:
        pixels: length of the shift, at least 1.
    """

    def __init__(self, pixels: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, images, training=None):
        """Return the images, or at prediction their five views."""
        if training:
            return images
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        padded = images
        for _ in range(self.pixels):  # a symmetric border of one pixel repeats the edge
            padded = tf.pad(padded, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        views = []
        for down, right in _DIRECTIONS:
            top, left = self.pixels * (1 + down), self.pixels * (1 + right)
            views.append(padded[:, top : top + height, left : left + width])
        return tf.ensure_shape(tf.concat(views, axis=0), [None, *images.shape[1:]])

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "pixels": self.pixels}
