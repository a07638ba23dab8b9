"""The dlib face network: an aligned face to a 128-d embedding, or to features for other tasks.

Source: King, dlib 19.3 (2017), `dnn_face_recognition_ex.cpp`, a ResNet-34 with fewer layers and
half the filters; its released weights as ported by face-api.js (quantised to 8 bits).
"""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import MeanOfViews, MirroredViews
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.face_blocks import (
    FACE_RESNET_BLOCKS,
    archive_block,
    face_block,
    face_convolutions,
    face_stem,
    load_face_weights,
    prepare_face,
)
from mtl_lowres.trunks.image_input import image_input

# Blocks whose pooled maps are joined by features="pooled": the last ones of their width.
_POOLED = ("conv128_2", "conv256_2", "conv256_down_out")
# The least side of which the five blocks of stride 2 leave a pixel.
_SMALLEST_SIDE = 103


@TRUNKS.register("face_resnet")
def face_resnet(
    input_shape: Sequence[int],
    *,
    weights: str | None = None,
    features: str = "embedding",
    trainable_from: str | None = None,
    dropout: float = 0.0,
    mirrored_views: bool = False,
    name: str = "face_resnet",
) -> tf.keras.Model:
    """Return the face network: an image to its 128-d embedding or to 640 pooled features.

    A 7x7 convolution of stride 2 with 3x3 max-pooling, then residual blocks of two 3x3
    convolutions: three of 32 channels, four of 64, three of 128, four of 256, the first of each
    width (but 32) and the last of all with stride 2. Each convolution is followed in dlib by a
    scale and an offset per channel, which are multiplied into kernel and bias here.

    Embeddings of one person lie closer than about 0.6 (Euclidean distance) where the face was
    aligned as dlib does: 150x150 pixels, the eyes some 49 pixels apart. The network takes any
    size; a face looks to it as in training where the eyes are about that far apart. An image with
    a side below 103 pixels, of which nothing would be left, is first enlarged bicubically.

    Args:
        input_shape: (height, width, channels), with 1 channel, which is repeated, or 3 (RGB).
        weights: None for random ones, or the path of `face_embedding_uint8.npz` or its folder.
        features: `"embedding"`, or `"pooled"` for other tasks than identity: the means of the last
            maps of 128 and 256 channels and of the last block's, batch-normalised.
        trainable_from: name of the first block that learns, such as `"conv64_down"`; the blocks
            before it keep their weights, which saves their backward pass. None lets all learn.
        dropout: rate on the features, in [0, 1).
        mirrored_views: average the features at prediction over the image and its mirror image, at
            twice the time.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, 128] or [n, 640].

    Raises:
        InputError: if the shape or an option cannot be used, or the file does not fit.
    """
    _check_options(input_shape, features, trainable_from, dropout)
    image = image_input(input_shape, 1, name)
    x = image
    if mirrored_views:
        x = MirroredViews(name=f"{name}_mirrored")(x)
    x = prepare_face(x, _SMALLEST_SIDE, name)
    x = face_stem(x, name)
    maps = {}
    for block in FACE_RESNET_BLOCKS[1:]:
        x = maps[block] = face_block(x, block, name)
    # [n, 2, 2, 256] of 150x150 pixels
    x = _pooled(maps, name) if features == "pooled" else _embedding(x, name)
    if mirrored_views:
        x = MeanOfViews(2, name=f"{name}_mean")(x)
    if dropout:
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    model = tf.keras.Model(image, x, name=name)
    if weights is not None:
        load_face_weights(model, Path(weights))
    _freeze_before(trainable_from, model)
    return model


def _check_options(input_shape, features, trainable_from, dropout) -> None:
    if len(input_shape) == 3 and input_shape[2] not in (1, 3):
        raise InputError(
            f"input_shape={tuple(input_shape)!r} cannot be used with trunk 'face_resnet': it takes "
            "1 or 3 channels"
        )
    if features not in ("embedding", "pooled"):
        raise InputError(f"features={features!r} cannot be used: choose 'embedding' or 'pooled'")
    if trainable_from is not None and trainable_from not in FACE_RESNET_BLOCKS:
        raise InputError(
            f"trainable_from={trainable_from!r} is no block: choose {', '.join(FACE_RESNET_BLOCKS)}"
        )
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")


def _embedding(x: tf.Tensor, name: str) -> tf.Tensor:
    x = tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return tf.keras.layers.Dense(128, use_bias=False, name=f"{name}_fc")(x)


def _pooled(maps: dict[str, tf.Tensor], name: str) -> tf.Tensor:
    means = [
        tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_{block}_pool")(maps[block])
        for block in _POOLED
    ]
    x = tf.keras.layers.Concatenate(name=f"{name}_pooled")(means)
    # The means of different blocks differ in size by an order of magnitude.
    return tf.keras.layers.BatchNormalization(
        momentum=0.9, center=False, scale=False, name=f"{name}_norm"
    )(x)


def _freeze_before(block: str | None, model: tf.keras.Model) -> None:
    frozen = FACE_RESNET_BLOCKS[: FACE_RESNET_BLOCKS.index(block)] if block else ()
    for layer in face_convolutions(model):
        layer.trainable = archive_block(layer, model) not in frozen
