"""Our own light network for faces of about 16x16 pixels: the first blocks of `face_resnet`."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.face_blocks import (
    FACE_RESNET_BLOCKS,
    face_block,
    face_stem,
    load_face_weights,
    prepare_face,
)
from mtl_lowres.trunks.image_input import image_input

_BLOCKS = FACE_RESNET_BLOCKS[1 : FACE_RESNET_BLOCKS.index("conv64_1") + 1]
# The least side of which the stem and the block of stride 2 leave a pixel.
_SMALLEST_SIDE = 19


@TRUNKS.register("facelet")
def facelet(
    input_shape: Sequence[int],
    *,
    weights: str | None = None,
    side: int = 75,
    filters: int = 4,
    dropout: float = 0.0,
    name: str = "facelet",
) -> tf.keras.Model:
    """Return a light face network of 0.21 M parameters: an image to 256 features.

    Edges, eyes and mouths look alike to every face network, so what `face_resnet` learned about
    them from millions of faces is kept: its stem, the three blocks of 32 channels and the first two
    of 64. In place of the deeper blocks, which hold 96 % of its weights, `filters` filters a
    channel span the whole of the last map, so that each feature knows where in the face it looks.

    Args:
        input_shape: (height, width, channels), with 1 channel, which is repeated, or 3 (RGB).
        weights: None for random ones, or the path of `face_embedding_uint8.npz` or its folder.
        side: to which a smaller image is enlarged bicubically, in pixels, at least 19; at 75 the
            last map is 8x8. Half the size `face_resnet` was made for costs little accuracy and
            a quarter of the work.
        filters: filters of each of the last 64 channels; the features are 64 times as many.
        dropout: rate on the features, in [0, 1).
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, 64 * filters].

    Raises:
        InputError: if the shape or an option cannot be used, or the file does not fit.
    """
    _check_options(side, filters, dropout)
    image = image_input(input_shape, 1, name)
    if image.shape[-1] not in (1, 3):
        raise InputError(
            f"input_shape={tuple(input_shape)!r} cannot be used with trunk 'facelet': it takes 1 "
            "or 3 channels"
        )
    x = face_stem(prepare_face(image, side, name), name)
    for block in _BLOCKS:
        x = face_block(x, block, name)
    # [n, 8, 8, 64] of 75x75 pixels
    x = tf.keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_map_norm")(x)
    x = tf.keras.layers.DepthwiseConv2D(
        x.shape[1:3], depth_multiplier=filters, name=f"{name}_places"
    )(x)
    x = tf.keras.layers.Flatten(name=f"{name}_flat")(x)
    x = tf.keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    if dropout:
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    model = tf.keras.Model(image, x, name=name)
    if weights is not None:
        load_face_weights(model, Path(weights))
    return model


def _check_options(side: int, filters: int, dropout: float) -> None:
    if isinstance(side, bool) or not isinstance(side, int) or side < _SMALLEST_SIDE:
        raise InputError(f"side={side!r} cannot be used: give at least {_SMALLEST_SIDE} pixels")
    if isinstance(filters, bool) or not isinstance(filters, int) or filters < 1:
        raise InputError(f"filters={filters!r} cannot be used: give at least 1")
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
