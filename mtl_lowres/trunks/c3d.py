"""C3D: eight 3-D convolutions over sixteen frames.

Source: Tran et al., "Learning spatiotemporal features with 3D convolutional networks", ICCV 2015,
figure 3, and its release (facebookarchive/C3D).
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.clip_input import clip_input

# Filters of the convolutions of each of the five stages, which end in a pooling.
_STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
_DENSE = 4096
_FEATURES = ("fc6", "fc7")


@TRUNKS.register("c3d")
def c3d(
    input_shape: Sequence[int],
    *,
    features: str = "fc7",
    width: float = 1.0,
    dropout: float = 0.5,
    name: str = "c3d",
) -> tf.keras.Model:
    """Return C3D: a clip of some frames, a *unit* of a video, to 4096 features.

    | stage | 3x3x3 convolutions, ReLU | pooling | of 16 x 112 x 112 is left |
    |-------|--------------------------|---------|---------------------------|
    | 1     | 64                       | 1x2x2   | 16 x 56 x 56              |
    | 2     | 128                      | 2x2x2   | 8 x 28 x 28               |
    | 3     | 256, 256                 | 2x2x2   | 4 x 14 x 14               |
    | 4     | 512, 512                 | 2x2x2   | 2 x 7 x 7                 |
    | 5     | 512, 512                 | 2x2x2   | 1 x 4 x 4                 |
    | fc6   | dense 4096, ReLU, dropout                                     |||
    | fc7   | dense 4096, ReLU, dropout                                     |||

    With the published input it has 27,655,936 parameters in the convolutions, 33,558,528 in fc6 and
    16,781,312 in fc7: 61,214,464 as far as fc6, and 77,995,776 in all. In the two-stream network of
    extremely low resolution one C3D sees appearance, and another flow as colour images; both low
    and high resolution enter at 112 x 112 (`degrade="area(12, 16)|bicubic(112)"`). There is no
    pretrained start.

    Args:
        input_shape: (frames, height, width, channels), or (height, width, channels) for a clip of
            one frame; (16, 112, 112, 3) in the paper. Any size fits, since a pooling rounds up.
        features: `"fc6"`, at which the network then ends, or `"fc7"`. Divided by its length (as
            `mtl_lowres.data.units` does), fc6 is what the paper calls the C3D descriptor.
        width: factor on all filters and dense units, above 0; 1/8 makes a 64th of the parameters.
        dropout: rate behind each dense layer, in [0, 1); 0.5 in the release.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to [n, 4096 * width].

    Raises:
        InputError: if the shape or an option cannot be used.

    Deviations: values enter as 2 x - 1 where the release takes off the mean of its training clips,
    and weights start from He's initialisation where it draws with a deviation of 0.01.
    """
    _check_options(features, width, dropout)
    clip = clip_input(input_shape, name)
    x = clip
    if len(input_shape) == 3:
        x = tf.keras.layers.Reshape((1, *input_shape), name=f"{name}_frame")(x)
    x = tf.keras.layers.Rescaling(2.0, -1.0, name=f"{name}_scaled")(x)
    for stage, filters in enumerate(_STAGES, 1):
        x = _stage(x, [_scaled(n, width) for n in filters], stage, name)
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    for layer in _FEATURES[: _FEATURES.index(features) + 1]:
        x = tf.keras.layers.Dense(
            _scaled(_DENSE, width),
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_{layer}",
        )(x)
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_{layer}_dropout")(x)
    return tf.keras.Model(clip, x, name=name)


def _stage(x: tf.Tensor, filters: Sequence[int], stage: int, name: str) -> tf.Tensor:
    """Return [n, t, h, w, filters] halved, rounded up as Caffe does; the first stage keeps t."""
    for letter, width in zip("ab", filters, strict=False):
        x = tf.keras.layers.Conv3D(
            width,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_conv{stage}{letter}",
        )(x)
    size = (1, 2, 2) if stage == 1 else 2
    return tf.keras.layers.MaxPooling3D(size, padding="same", name=f"{name}_pool{stage}")(x)


def _scaled(count: int, width: float) -> int:
    return max(1, round(count * width))


def _check_options(features, width, dropout) -> None:
    if features not in _FEATURES:
        raise InputError(f"features={features!r} cannot be used: choose {' or '.join(_FEATURES)}")
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= 4:
        raise InputError(f"width={width!r} cannot be used: give a factor above 0, such as 0.25")
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
