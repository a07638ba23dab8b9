"""The image input that the convolutional trunks share."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError


def image_input(input_shape: Sequence[int], smallest_side: int, name: str) -> tf.Tensor:
    """Return a symbolic image input, float32 [n, height, width, channels].

    Args:
        input_shape: (height, width, channels).
        smallest_side: least height and width, in pixels, that the trunk can shrink.
        name: of the trunk, the prefix of the input layer's name.

    Raises:
        InputError: if the shape is not three positive integers or a side is too small.
    """
    if len(input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in input_shape):
        raise InputError(
            f"input_shape={input_shape!r} cannot be used with trunk {name!r}: give "
            "(height, width, channels) as positive integers, such as (16, 16, 3)"
        )
    if min(input_shape[:2]) < smallest_side:
        raise InputError(
            f"input_shape={input_shape!r} is too small for trunk {name!r}: height and width must "
            f"be at least {smallest_side} pixels with these options"
        )
    return tf.keras.Input(tuple(input_shape), name=f"{name}_image")
