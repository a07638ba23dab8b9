"""The input of trunks that take clips, of which an image is the shortest."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError


def clip_input(input_shape: Sequence[int], name: str) -> tf.Tensor:
    """Return a symbolic clip, float32 [n, frames, height, width, channels], or image, [n, h, w, c].

    Args:
        input_shape: (frames, height, width, channels), or (height, width, channels).
        name: of the trunk, the prefix of the input layer's name.

    Raises:
        InputError: if the shape is not three or four positive integers.
    """
    whole = all(isinstance(n, int) and n > 0 for n in input_shape)
    if len(input_shape) not in (3, 4) or not whole:
        raise InputError(
            f"input_shape={input_shape!r} cannot be used with trunk {name!r}: give "
            "(frames, height, width, channels) for clips or (height, width, channels) for images "
            "as positive integers, such as (12, 16, 16, 3)"
        )
    kind = "clip" if len(input_shape) == 4 else "image"
    return tf.keras.Input(tuple(input_shape), name=f"{name}_{kind}")
