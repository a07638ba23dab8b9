"""ClipNet: a small trunk of our own for clips of about 16x16 pixels."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import (
    TURNS,
    FoldFrames,
    MeanOfViews,
    TurnedViews,
    UnfoldFrames,
)
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.clip_input import clip_input
from mtl_lowres.trunks.frame_stacks import convolve_images, stack_frames

_SMALLEST_SIDE = 8


@TRUNKS.register("clipnet")
def clipnet(
    input_shape: Sequence[int],
    *,
    stack: int = 4,
    filters: Sequence[int] = (24, 48, 96),
    units: int = 128,
    recurrent_units: int = 64,
    dropout: float = 0.3,
    turned_views: bool = False,
    name: str = "clipnet",
) -> tf.keras.Model:
    """Return a light trunk of clips: what is seen in every few frames, and how it goes on.

    `stack` successive frames are the channels of one image, together with the mean of the whole
    clip, which has the least noise and is what still postures are told by. Three convolutions
    and a dense layer turn each such image into features; a recurrent layer reads them in both
    directions. Batch normalisation, the first of it on the input, makes the range of the values
    not matter. An image is a clip of one frame. With three channels it has 182,108 parameters.

    Args:
        input_shape: (frames, height, width, channels) or (height, width, channels), at least 8
            pixels a side. `stack` must divide the number of frames, unless there are fewer.
        stack: frames that are looked at together.
        filters: of the three 4x4 and 3x3 convolutions. The first has stride 2, the others are
            followed by max-pooling.
        units: of the dense layer that ends the look at one stack.
        recurrent_units: of the GRU in each direction.
        dropout: rate before the dense layer and of the features, in [0, 1).
        turned_views: average the features at prediction over the eight turns and reflections of
            the clip, for cameras that look straight down on square images. It costs no
            parameters, but eight times the time.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to [n, 2 * recurrent_units].

    Raises:
        InputError: if an option cannot be used or the clip is too small.
    """
    clip = clip_input(input_shape, name)
    frames = input_shape[0] if len(input_shape) == 4 else 1
    stack = min(stack, frames)
    _check_options(input_shape, frames, stack, filters, dropout, turned_views)

    x = clip
    if len(input_shape) == 3:
        x = tf.keras.layers.Reshape((1, *input_shape), name=f"{name}_frame")(x)
    if turned_views:
        x = TurnedViews(name=f"{name}_turned")(x)
    x = stack_frames(x, stack, f"{name}_stack")
    steps = frames // stack
    x = FoldFrames(name=f"{name}_fold")(x)
    x = convolve_images(x, filters, name)  # 16x16 -> 8x8 -> 4x4 -> 2x2
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = tf.keras.layers.Dense(units, activation="relu", name=f"{name}_fc")(x)
    x = UnfoldFrames(steps, name=f"{name}_unfold")(x)
    recurrent = tf.keras.layers.GRU(recurrent_units, name=f"{name}_gru")
    x = tf.keras.layers.Bidirectional(recurrent, name=f"{name}_both_ways")(x)
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_feature_dropout")(x)
    if turned_views:
        x = MeanOfViews(TURNS, name=f"{name}_mean")(x)
    return tf.keras.Model(clip, x, name=name)


def _check_options(input_shape, frames, stack, filters, dropout, turned_views) -> None:
    height, width = input_shape[-3:-1]
    if min(height, width) < _SMALLEST_SIDE:
        raise InputError(
            f"input_shape={input_shape!r} is too small for trunk 'clipnet': height and width must "
            f"be at least {_SMALLEST_SIDE} pixels"
        )
    if stack < 1 or frames % stack:
        raise InputError(
            f"stack={stack!r} cannot be used with {frames} frames: give a divisor of their number"
        )
    if len(filters) != 3:
        raise InputError(f"filters={filters!r} cannot be used: give three widths of convolutions")
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
    if turned_views and height != width:
        raise InputError(
            f"turned_views={turned_views!r} cannot be used with {height} x {width} pixels: turns "
            "need square images, so leave it out"
        )
