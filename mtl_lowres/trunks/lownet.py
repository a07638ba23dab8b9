"""LowNet: posture recognition at 16x16 pixels.

Source: Gochoo et al., "LowNet: Privacy preserved ultra-low resolution posture image
classification", ICIP 2020, pp. 663-667, and its released program.
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import SlopedReLU
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.image_input import image_input

_FILTERS = (32, 64, 128)
# Which of the three convolutions a 2x2 max-pooling follows.
_POOLED = {
    "none": (False, False, False),
    "last": (False, False, True),
    "last_two": (False, True, True),
    "all": (True, True, True),
}


@TRUNKS.register("lownet")
def lownet(
    input_shape: Sequence[int],
    *,
    slopes: Sequence[float] = (2.0, 2.0, 2.0),
    padding: str = "same",
    pooling: str = "last_two",
    dropout: float = 0.3,
    name: str = "lownet",
) -> tf.keras.Model:
    """Return LowNet without its last layer: an image to 64 features.

    The defaults are the published network, which has 366,246 parameters with a 38-way head. The
    released program also holds another variant, without padding and pooling:
    `lownet(shape, slopes=(2, 1, 0.5), padding="valid", pooling="none")`. The release's ReLU before
    the softmax belongs to the head: `Posture(38, paper_exact=True)`.

    Args:
        input_shape: (height, width, channels); (16, 16, 3) in the paper.
        slopes: positive-side slope of the ReLU after each of the three convolutions.
        padding: `"same"` or `"valid"`, of the convolutions.
        pooling: convolutions that a max-pooling follows: `"none"`, `"last"`, `"last_two"`, `"all"`.
        dropout: rate after the last convolution and after each dense layer, in [0, 1).
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to [n, 64].

    Raises:
        InputError: if an option cannot be used or the image is too small to be pooled.

    Deviations from the release: dropout is off when predicting (there it stays on), and the
    weights start from Keras' Glorot initialisation instead of PyTorch's.
    """
    _check_options(slopes, padding, pooling, dropout)
    pooled = _POOLED[pooling]
    image = image_input(input_shape, _smallest_side(padding, pooled), name)
    x = image
    for stage, (filters, slope, pool) in enumerate(zip(_FILTERS, slopes, pooled, strict=True), 1):
        x = tf.keras.layers.Conv2D(filters, 3, padding=padding, name=f"{name}_conv{stage}")(x)
        x = SlopedReLU(slope, name=f"{name}_relu{stage}")(x)
        if pool:
            x = tf.keras.layers.MaxPooling2D(2, name=f"{name}_pool{stage}")(x)
    # As published: [n, 4, 4, 128]
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    for layer, units in enumerate((128, 64), 1):
        x = tf.keras.layers.Dense(units, activation="relu", name=f"{name}_fc{layer}")(x)
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_fc{layer}_dropout")(x)
    return tf.keras.Model(image, x, name=name)


def _check_options(slopes, padding, pooling, dropout) -> None:
    if len(slopes) != len(_FILTERS):
        raise InputError(
            f"slopes={slopes!r} cannot be used: give one for each of the three convolutions"
        )
    if padding not in ("same", "valid"):
        raise InputError(f"padding={padding!r} cannot be used: choose 'same' or 'valid'")
    if pooling not in _POOLED:
        raise InputError(f"pooling={pooling!r} cannot be used: choose {', '.join(_POOLED)}")
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")


def _smallest_side(padding: str, pooled: Sequence[bool]) -> int:
    """Return the side in pixels of which one pixel is left after the convolutions."""
    side = 1
    for pool in reversed(pooled):
        side = side * (2 if pool else 1) + (2 if padding == "valid" else 0)
    return side
