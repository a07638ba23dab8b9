"""SphereNet, the residual network of SphereFace without batch normalisation.

Source: Liu et al., "SphereFace: Deep hypersphere embedding for face recognition", CVPR 2017, table
2, and its official release (wy1iu/sphereface); 4 and 10 layers as in the low-resolution guidance
release (Garyandtang/Low-Resolution-Face-Recognition-with-SphereFace).
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.image_input import image_input

_FILTERS = (64, 128, 256, 512)
# Residual units of each of the four stages, by the number of layers.
_UNITS = {
    4: (0, 0, 0, 0),
    10: (0, 1, 2, 0),
    20: (1, 2, 4, 1),
    36: (2, 4, 8, 2),
    64: (3, 8, 16, 3),
}


@TRUNKS.register("spherenet")
def spherenet(
    input_shape: Sequence[int],
    *,
    layers: int = 20,
    embedding: int = 512,
    name: str = "spherenet",
) -> tf.keras.Model:
    """Return SphereNet: an image to its features, of which the direction is the identity.

    Four stages of 64, 128, 256 and 512 channels; each is a 3x3 convolution of stride 2 and residual
    units of two 3x3 convolutions, all with a PReLU per channel; then one dense layer. The published
    network sees 112x96 pixels, of which 7x6 places are left.

    Args:
        input_shape: (height, width, channels) of any size; (112, 96, 3) in the paper.
        layers: 4, 10, 20, 36 or 64, the number of convolutions.
        embedding: number of features, at least 1; 512 in the paper.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, embedding].

    Raises:
        InputError: if the shape or an option cannot be used.

    Deviation: none known; images enter as (value - 127.5) / 128 of values in [0, 255], and weights
    start as in the release: Glorot where there is a bias, deviation 0.01 in the units, PReLU 0.25.
    """
    if layers not in _UNITS:
        raise InputError(f"layers={layers!r} cannot be used: choose {', '.join(map(str, _UNITS))}")
    if not isinstance(embedding, int) or isinstance(embedding, bool) or embedding < 1:
        raise InputError(f"embedding={embedding!r} cannot be used: give an integer of at least 1")
    image = image_input(input_shape, 1, name)
    x = tf.keras.layers.Rescaling(255 / 128, -127.5 / 128, name=f"{name}_scaled")(image)
    for stage, (filters, units) in enumerate(zip(_FILTERS, _UNITS[layers], strict=True), 1):
        x = _halved(x, filters, f"{name}_stage{stage}")
        for unit in range(1, units + 1):
            x = _unit(x, filters, f"{name}_stage{stage}_unit{unit}")
    # As published: [n, 7, 6, 512]
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = tf.keras.layers.Dense(embedding, name=f"{name}_fc")(x)
    return tf.keras.Model(image, x, name=name)


def _halved(x: tf.Tensor, filters: int, name: str) -> tf.Tensor:
    """Return a convolution of stride 2 and its PReLU; sides are halved, rounded up."""
    # Caffe pads both sides, where TensorFlow pads an even side at its end alone.
    x = tf.keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = tf.keras.layers.Conv2D(filters, 3, strides=2, name=f"{name}_conv")(x)
    return _prelu(x, f"{name}_prelu")


def _unit(x: tf.Tensor, filters: int, name: str) -> tf.Tensor:
    """Return the input plus two convolutions of it, each with its PReLU."""
    y = x
    for number in (1, 2):
        y = tf.keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=tf.keras.initializers.RandomNormal(stddev=0.01),
            name=f"{name}_conv{number}",
        )(y)
        y = _prelu(y, f"{name}_prelu{number}")
    return tf.keras.layers.Add(name=f"{name}_add")([x, y])


def _prelu(x: tf.Tensor, name: str) -> tf.Tensor:
    slope = tf.keras.initializers.Constant(0.25)
    return tf.keras.layers.PReLU(slope, shared_axes=(1, 2), name=name)(x)
