"""AlexNet, the second network of the low-resolution guidance project.

Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as
torchvision defines it, which the guidance release fine-tunes on faces (Garyandtang/Low-Resolution-
Face-Recognition-with-SphereFace, `FYP_Alexnet_LFW.py`).
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.image_input import image_input

# Filters, side of the filter, stride, padding, and whether a 3x3 max-pooling of stride 2 follows.
_CONVOLUTIONS = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)
# The least side of which a place is left after all convolutions and poolings.
_SMALLEST_SIDE = 63
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


@TRUNKS.register("alexnet")
def alexnet(
    input_shape: Sequence[int],
    *,
    units: int = 4096,
    dropout: float = 0.5,
    embedding: int = 0,
    name: str = "alexnet",
) -> tf.keras.Model:
    """Return AlexNet without its last layer: an image to features.

    Five convolutions of 64, 192, 384, 256 and 256 filters, with max-pooling after the first two and
    the last, and two dense layers, all with ReLU. The published network sees 224x224 pixels, of
    which 6x6 places are left. An image with a side below 63 pixels, of which nothing would be left,
    is first enlarged bicubically.

    Args:
        input_shape: (height, width, channels), with 1 channel, which is repeated, or 3 (RGB).
        units: width of both dense layers, at least 1; 4096 as published.
        dropout: rate before each of them, in [0, 1); 0.5 as published.
        embedding: width of a third dense layer, which is linear; 0 for none. The guidance project
            verifies faces by the logits of its people, which is such a layer.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, units] or [n, embedding].

    Raises:
        InputError: if the shape or an option cannot be used.

    Deviations from torchvision: at another size than 224x224 all places enter the first dense layer
    instead of being averaged to 6x6; the weights start from He's initialisation, not from ImageNet.
    Images are normalised by the mean and deviation of ImageNet's channels, as there.
    """
    _check_options(input_shape, units, dropout, embedding)
    image = image_input(input_shape, 1, name)
    x = _prepare(image, name)
    for number, (filters, side, stride, padding, pool) in enumerate(_CONVOLUTIONS, 1):
        x = tf.keras.layers.ZeroPadding2D(padding, name=f"{name}_pad{number}")(x)
        x = tf.keras.layers.Conv2D(
            filters,
            side,
            strides=stride,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_conv{number}",
        )(x)
        if pool:
            x = tf.keras.layers.MaxPooling2D(3, strides=2, name=f"{name}_pool{number}")(x)
    # As published: [n, 6, 6, 256]
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    for number in (1, 2):
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout{number}")(x)
        x = tf.keras.layers.Dense(
            units, activation="relu", kernel_initializer="he_normal", name=f"{name}_fc{number}"
        )(x)
    if embedding:
        x = tf.keras.layers.Dense(embedding, name=f"{name}_embedding")(x)
    return tf.keras.Model(image, x, name=name)


def _check_options(input_shape, units, dropout, embedding) -> None:
    if len(input_shape) == 3 and input_shape[2] not in (1, 3):
        raise InputError(
            f"input_shape={tuple(input_shape)!r} cannot be used with trunk 'alexnet': it takes 1 "
            "or 3 channels"
        )
    for option, value, least in (("units", units, 1), ("embedding", embedding, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(
                f"{option}={value!r} cannot be used: give an integer of at least {least}"
            )
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")


def _prepare(x: tf.Tensor, name: str) -> tf.Tensor:
    """Bring an image to 63 pixels a side or more, three channels and the range of ImageNet."""
    height, width, channels = x.shape[1:]
    factor = max(1.0, _SMALLEST_SIDE / min(height, width))
    if factor > 1:
        x = tf.keras.layers.Resizing(
            round(height * factor), round(width * factor), "bicubic", name=f"{name}_enlarged"
        )(x)
    if channels == 1:
        x = tf.keras.layers.Concatenate(name=f"{name}_rgb")([x, x, x])
    scales = [1 / deviation for deviation in _DEVIATION]
    offsets = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    return tf.keras.layers.Rescaling(scales, offsets, name=f"{name}_normalised")(x)
