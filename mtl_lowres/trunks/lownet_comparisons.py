"""The four networks that LowNet is compared with.

Source: LowNet (Gochoo et al., ICIP 2020), Table VI, which gives only the number of convolutions
and poolings, and that the ResNets have stride 2 in the first layer and 1 elsewhere. What else a
network needs is chosen here and said in its docstring, so the published figures (best of several
runs: LeNet 60.68, ResNet1 66.08, ResNet2 69.25, CNN 70.63 % macro-F1) are not of these very
networks.

Every trunk maps float32 images [n, height, width, channels] in [0, 1] to features [n, d].
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.image_input import image_input
from mtl_lowres.trunks.lownet import lownet


@TRUNKS.register("lenet")
def lenet(input_shape: Sequence[int], *, name: str = "lenet") -> tf.keras.Model:
    """Return LeNet, 2 convolutions and 2 poolings: an image to 84 features.

    Open in the table and taken from LeNet-5 (LeCun et al., 1998): 6 and 16 filters of 5x5, dense
    layers of 120 and 84. Chosen here: ReLU, max-pooling, and padding, without which 16 pixels
    shrink to one.

    Args:
        input_shape: (height, width, channels), at least 4x4 pixels.
        name: of the model and prefix of its layers.

    Raises:
        InputError: if the input shape cannot be used.
    """
    image = image_input(input_shape, 4, name)
    x = image
    for stage, filters in enumerate((6, 16), 1):
        x = tf.keras.layers.Conv2D(
            filters, 5, padding="same", activation="relu", name=f"{name}_conv{stage}"
        )(x)
        x = tf.keras.layers.MaxPooling2D(2, name=f"{name}_pool{stage}")(x)
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    for layer, units in enumerate((120, 84), 1):
        x = tf.keras.layers.Dense(units, activation="relu", name=f"{name}_fc{layer}")(x)
    return tf.keras.Model(image, x, name=name)


@TRUNKS.register("resnet1")
def resnet1(input_shape: Sequence[int], *, name: str = "resnet1") -> tf.keras.Model:
    """Return ResNet1, 3 convolutions and 1 pooling: an image to 64 features.

    Open in the table and chosen here: a first convolution of stride 2, then one residual block of
    two (He et al., 2016: 3x3, 64 filters, batch norm, identity shortcut), then global average
    pooling.

    Args:
        input_shape: (height, width, channels).
        name: of the model and prefix of its layers.

    Raises:
        InputError: if the input shape cannot be used.
    """
    return _resnet(input_shape, blocks=1, name=name)


@TRUNKS.register("resnet2")
def resnet2(input_shape: Sequence[int], *, name: str = "resnet2") -> tf.keras.Model:
    """Return ResNet2, 5 convolutions and 1 pooling: an image to 64 features.

    As `resnet1` with two residual blocks.

    Args:
        input_shape: (height, width, channels).
        name: of the model and prefix of its layers.

    Raises:
        InputError: if the input shape cannot be used.
    """
    return _resnet(input_shape, blocks=2, name=name)


@TRUNKS.register("cnn3")
def cnn3(input_shape: Sequence[int], *, dropout: float = 0.3, name: str = "cnn3") -> tf.keras.Model:
    """Return "CNN [34]", 3 convolutions and 3 poolings: an image to 64 features.

    Open in the table and taken from LowNet: filters, dense layers and dropout. What is left to
    differ is the table's third pooling, and the ordinary ReLU.

    Args:
        input_shape: (height, width, channels), at least 8x8 pixels.
        dropout: rate after the last convolution and after each dense layer, in [0, 1).
        name: of the model and prefix of its layers.

    Raises:
        InputError: if the input shape or the dropout cannot be used.
    """
    return lownet(input_shape, slopes=(1, 1, 1), pooling="all", dropout=dropout, name=name)


def _resnet(input_shape: Sequence[int], blocks: int, name: str) -> tf.keras.Model:
    image = image_input(input_shape, 1, name)
    x = _convolution(image, f"{name}_stem", strides=2)
    x = tf.keras.layers.ReLU(name=f"{name}_stem_relu")(x)
    for block in range(1, blocks + 1):
        prefix = f"{name}_block{block}"
        shortcut = x
        x = _convolution(x, f"{prefix}_1")
        x = tf.keras.layers.ReLU(name=f"{prefix}_1_relu")(x)
        x = _convolution(x, f"{prefix}_2")
        x = tf.keras.layers.Add(name=f"{prefix}_add")([x, shortcut])
        x = tf.keras.layers.ReLU(name=f"{prefix}_relu")(x)
    x = tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return tf.keras.Model(image, x, name=name)


def _convolution(x: tf.Tensor, name: str, strides: int = 1) -> tf.Tensor:
    x = tf.keras.layers.Conv2D(
        64,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return tf.keras.layers.BatchNormalization(name=f"{name}_norm")(x)
