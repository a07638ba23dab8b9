"""A light (2+1)-D network: convolutions in space, then in time, for clips of about 16x16 pixels."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import require_integer
from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.clip_input import clip_input
from mtl_lowres.trunks.frame_stacks import NORM_MOMENTUM

_SMALLEST_SIDE = 8


@TRUNKS.register("c2plus1d")
def c2plus1d(
    input_shape: Sequence[int],
    *,
    filters: Sequence[int] = (16, 32, 64),
    dropout: float = 0.3,
    name: str = "c2plus1d",
) -> tf.keras.Model:
    """Return a light trunk of clips whose 3-D convolutions are split into space and time.

    | stage | convolutions, each with norm and ReLU  | of 16 x 16 x 16 is left   |
    |-------|----------------------------------------|---------------------------|
    | 1     | 1x4x4, stride 2 in space; 3x1x1        | 16 x 8 x 8 x filters[0]   |
    | 2     | 1x3x3; 3x1x1; max-pooling 2x2x2        | 8 x 4 x 4 x filters[1]    |
    | 3     | 1x3x3; 3x1x1; max-pooling 2x2x2        | 4 x 2 x 2 x filters[2]    |
    |       | mean over time, flat, dropout          | 4 filters[2]              |

    Split as by Tran et al. (CVPR 2018, section 3.5), R(2+1)D: deviations are that there are three
    stages without shortcuts, that the convolution in space has as many filters as the one in time,
    and that the end keeps where in the image things are, which tells postures. With three channels
    it has 40,844 parameters. With five, the last two the flow, it sees motion given to it too.

    Args:
        input_shape: (frames, height, width, channels) or (height, width, channels), at least 8
            pixels a side. An image is a clip of one frame.
        filters: of the three stages.
        dropout: rate of the features, in [0, 1).
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to [n, height / 8 * width / 8 * filters[2]].

    Raises:
        InputError: if an option cannot be used or the clip is too small.
    """
    clip = clip_input(input_shape, name)
    _check_options(input_shape, filters, dropout)
    x = clip
    if len(input_shape) == 3:
        x = tf.keras.layers.Reshape((1, *input_shape), name=f"{name}_frame")(x)
    x = convolve_clips(x, filters, name)
    x = tf.keras.layers.AveragePooling3D((x.shape[1], 1, 1), name=f"{name}_time")(x)
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return tf.keras.Model(clip, x, name=name)


def convolve_clips(x: tf.Tensor, filters: Sequence[int], name: str) -> tf.Tensor:
    """Return maps [n, t / 4, h / 8, w / 8, filters[-1]] of clips; a time of 1 stays 1."""
    layers = tf.keras.layers
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_input_norm")(x)
    for stage, width in enumerate(filters, 1):
        size, stride = (4, 2) if stage == 1 else (3, 1)
        x = _convolve(x, width, (1, size, size), (1, stride, stride), f"{name}_space{stage}")
        x = _convolve(x, width, (3, 1, 1), 1, f"{name}_time{stage}")
        if stage > 1:
            size = (min(2, x.shape[1]), 2, 2)
            x = layers.MaxPooling3D(size, name=f"{name}_pool{stage}")(x)
    return x


def _convolve(x: tf.Tensor, width: int, size, stride, name: str) -> tf.Tensor:
    layers = tf.keras.layers
    x = layers.Conv3D(width, size, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _check_options(input_shape, filters, dropout) -> None:
    if min(input_shape[-3:-1]) < _SMALLEST_SIDE:
        raise InputError(
            f"input_shape={input_shape!r} is too small for trunk 'c2plus1d': height and width must "
            f"be at least {_SMALLEST_SIDE} pixels"
        )
    if len(filters) != 3:
        raise InputError(f"filters={filters!r} cannot be used: give three widths of convolutions")
    for width in filters:
        require_integer("filters", width, 1)
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
