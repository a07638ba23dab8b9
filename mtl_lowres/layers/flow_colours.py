"""Optical flow as colour images, in the graph."""

import math

import numpy as np
import tensorflow as tf


def _colour_wheel() -> np.ndarray:
    """Return the 55 colours of the Middlebury wheel, float32 [55, 3] in [0, 1], from red on."""
    # (steps, channel that changes, whether it rises, channel that stays full) around the wheel.
    arcs = (
        (15, 1, True, 0),  # red to yellow
        (6, 0, False, 1),  # yellow to green
        (4, 2, True, 1),  # green to cyan
        (11, 1, False, 2),  # cyan to blue
        (13, 0, True, 2),  # blue to magenta
        (6, 2, False, 0),  # magenta to red
    )
    colours = []
    for steps, changing, rises, full in arcs:
        for step in range(steps):
            value = 255 * step // steps
            colour = [0, 0, 0]
            colour[full] = 255
            colour[changing] = value if rises else 255 - value
            colours.append(colour)
    return np.float32(colours) / np.float32(255)


COLOUR_WHEEL = _colour_wheel()


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class FlowColours(tf.keras.layers.Layer):
    """Turns encoded flow [..., 2] in [0, 1], 0.5 for no motion, into colours [..., 3] in [0, 1].

    The colour wheel of the Middlebury benchmark (Baker et al. 2011): the hue is the direction, no
    motion is white, and a motion of the bound that the flow was encoded with has the full colour,
    as have longer ones. It equals `mtl_lowres.data.flow.flow_colours` of the flow in pixels. There
    is no gradient at places without motion, which have no direction.

    Example:
        >>> FlowColours()(tf.constant([[1.0, 0.5], [0.5, 0.5]])).numpy()  # to the right; nowhere
        array([[1., 0., 0.],
               [1., 1., 1.]], dtype=float32)
    """

    def call(self, inputs):
        """Return the colours of encoded flow."""
        vectors = 2.0 * inputs - 1.0
        right, down = tf.unstack(vectors, 2, axis=-1)
        length = tf.minimum(tf.sqrt(right * right + down * down), 1.0)[..., tf.newaxis]
        turn = tf.atan2(-down, -right) / (2 * math.pi) + 0.5
        place = turn * (len(COLOUR_WHEEL) - 1)
        first = tf.cast(place, tf.int32)
        share = (place - tf.cast(first, place.dtype))[..., tf.newaxis]
        following = tf.math.floormod(first + 1, len(COLOUR_WHEEL))
        wheel = tf.constant(COLOUR_WHEEL, self.compute_dtype)
        colours = (1.0 - share) * tf.gather(wheel, first) + share * tf.gather(wheel, following)
        return 1.0 - length * (1.0 - colours)

    def compute_output_shape(self, input_shape):
        """Return the shape of the colours: three channels in place of two."""
        return (*input_shape[:-1], 3)
