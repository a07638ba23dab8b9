"""Backbones for frames of about 16x16 pixels. They have no batch normalisation and no weights."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SlopedReLU
from mtl_lowres.registry import BACKBONES
from mtl_lowres.trunks.backbones.build import refuse_weights
from mtl_lowres.trunks.image_input import image_input
from mtl_lowres.trunks.lownet import lownet as lownet_trunk


@BACKBONES.register("lownet")
def lownet(
    frame_shape: Sequence[int], *, weights: str | None = None, name: str = "lownet"
) -> tf.keras.Model:
    """Return LowNet's three convolutions and two poolings: a frame to a map of 128 channels.

    16x16 pixels become 4x4 places, at 9.7 million multiply-adds a frame.

    Args:
        frame_shape: (height, width, channels), at least 4 pixels a side.
        weights: None.
        name: of the model and prefix of its layers.

    Raises:
        InputError: if the shape cannot be used, or weights are given.
    """
    refuse_weights(weights, "lownet")
    trunk = lownet_trunk(frame_shape, name=name)
    return tf.keras.Model(trunk.input, trunk.get_layer(f"{name}_pool3").output, name=name)


@BACKBONES.register("steadynet")
def steadynet(
    frame_shape: Sequence[int],
    *,
    weights: str | None = None,
    filters: Sequence[int] = (16, 32, 64),
    slope: float = 2.0,
    name: str = "steadynet",
) -> tf.keras.Model:
    """Return SteadyNet's convolutions, thinner and pooled earlier: a frame to a map.

    A clip has many frames, so each must be cheap. Pooling follows the first two of the three
    convolutions instead of the last two: 16x16 pixels become 4x4 places as before, at 0.7 instead
    of 9.7 million multiply-adds a frame.

    Args:
        frame_shape: (height, width, channels), at least 4 pixels a side.
        weights: None.
        filters: of the three convolutions.
        slope: positive-side slope of the ReLU after each.
        name: of the model and prefix of its layers.

    Raises:
        InputError: if the shape or an option cannot be used, or weights are given.
    """
    refuse_weights(weights, "steadynet")
    if len(filters) != 3:
        raise InputError(f"filters={filters!r} cannot be used: give three widths of convolutions")
    frame = image_input(frame_shape, 4, name)
    x = frame
    for stage, width in enumerate(filters, 1):
        x = tf.keras.layers.Conv2D(width, 3, padding="same", name=f"{name}_conv{stage}")(x)
        x = SlopedReLU(slope, name=f"{name}_relu{stage}")(x)
        if stage < 3:
            x = tf.keras.layers.MaxPooling2D(2, name=f"{name}_pool{stage}")(x)
    return tf.keras.Model(frame, x, name=name)
