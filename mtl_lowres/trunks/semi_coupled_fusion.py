"""The two-stream network of single frames and coloured flow that is trained semi-coupled.

Source: Chen, Wu, Konrad and Ishwar, "Semi-coupled two-stream fusion ConvNets for action recognition
at extremely low resolutions" (WACV 2017, arXiv 1610.03898), as far as its released program tells.
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import ChannelSlice, FlowColours, SubtractMean
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.clip_input import clip_input

_FILTERS = (32, 64, 128)
# Where streams meet behind the dense layer, the temporal one has fewer filters.
_FEWER_FILTERS = (32, 64, 64)
_UNITS = 128
_DROPOUT = {"spatial": 0.5, "temporal": 0.2}
_FUSIONS = {"lastcv": ("sum", "concat", "conv"), "fc1": ("sum", "concat")}
_SMALLEST_SIDE = 8


@TRUNKS.register("semi_coupled_fusion")
def semi_coupled_fusion(
    input_shape: Sequence[int],
    *,
    fuse_at: str = "lastcv",
    fusion: str = "sum",
    dropout: float = 0.5,
    name: str = "semi_coupled_fusion",
) -> tf.keras.Model:
    """Return the fused two-stream trunk: a window of frames with flow to 128 or 256 features.

    | step  | spatial stream                               | temporal stream                 |
    |-------|----------------------------------------------|---------------------------------|
    | input | middle frame, less the mean of all frames    | flow of all frames as colours,  |
    |       |                                              | less the mean over the channels |
    | conv1 | 32 of 5x5, norm, ReLU, max-pool 3 stride 2   | the same                        |
    | conv2 | 64 of 5x5, norm, ReLU, mean-pool 3 stride 2  | the same                        |
    | conv3 | 128 of 5x5, norm, ReLU, mean-pool 3 stride 2 | the same, but 64 for "fc1"      |
    |       | dropout of 0.5 after conv1 and conv2         | of 0.2                          |

    Then the streams are fused and a dense layer of 128 follows (`fuse_at="lastcv"`), or a dense
    layer of 128 follows in each and its outputs are fused (`"fc1"`). Dense layers have ReLU.
    With 11 frames of 32x32 pixels it has 805,312 parameters.

    The published network sees windows of 11 frames at 32x32, brought there from 16x12, and answers
    about a video with the mean over its windows: `clip="uniform(11)|farneback(3)"` is one window of
    the whole. Trained semi-coupled as published, `coupling="semi(0, 0.25, 0.5, 0.75)"`.

    Args:
        input_shape: (frames, height, width, 5): RGB and encoded flow (dx, dy) of 3 frames or more,
            at least 8 pixels a side.
        fuse_at: `"lastcv"` or `"fc1"`.
        fusion: `"sum"`, `"concat"`, or at `lastcv` `"conv"`: a 1x1 convolution of the concatenation
            to 128 channels, with ReLU.
        dropout: rate of the features, in [0, 1).
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to [n, 128], for a concatenation at `fc1`
        [n, 256].

    Raises:
        InputError: if an option cannot be used or the clip is too small.

    Deviations: the flow is the data pipeline's, theirs that of Liu's program; values are in [0, 1].
    Whether ReLU follows the dense layers is not told.
    """
    clip = clip_input(input_shape, name)
    _check_options(input_shape, fuse_at, fusion, dropout)
    filters = _FILTERS if fuse_at == "lastcv" else _FEWER_FILTERS
    spatial = _stream(_frame_less_mean(clip, f"{name}_frame"), _FILTERS, "spatial", name)
    temporal = _stream(_coloured_flow(clip, f"{name}_flow"), filters, "temporal", name)
    if fuse_at == "lastcv":
        x = _dense(_fuse(spatial, temporal, fusion, name), f"{name}_fc1")
    else:
        streams = {"spatial": spatial, "temporal": temporal}
        ends = [_dense(x, f"{name}_{stream}_fc1") for stream, x in streams.items()]
        x = _fuse(*ends, fusion, name)
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_feature_dropout")(x)
    return tf.keras.Model(clip, x, name=name)


def _frame_less_mean(clip: tf.Tensor, name: str) -> tf.Tensor:
    """Return the middle frame [n, h, w, 3] of clips [n, t, h, w, 5], less the mean over time."""
    before = clip.shape[1] // 2
    x = ChannelSlice(0, 3, name=f"{name}_colours")(clip)
    x = SubtractMean(1, name=f"{name}_change")(x)
    cut = ((before, clip.shape[1] - 1 - before), (0, 0), (0, 0))
    x = tf.keras.layers.Cropping3D(cut, name=f"{name}_middle")(x)
    return tf.keras.layers.Reshape((*clip.shape[2:4], 3), name=f"{name}_image")(x)


def _coloured_flow(clip: tf.Tensor, name: str) -> tf.Tensor:
    """Return the flow of all frames as colours, [n, h, w, 3 t], less the mean of the channels."""
    frames, height, width = clip.shape[1:4]
    x = ChannelSlice(3, 5, name=f"{name}_vectors")(clip)
    x = FlowColours(name=f"{name}_colours")(x)
    x = tf.keras.layers.Permute((2, 3, 1, 4), name=f"{name}_order")(x)
    x = tf.keras.layers.Reshape((height, width, 3 * frames), name=f"{name}_stack")(x)
    return SubtractMean(-1, name=f"{name}_change")(x)


def _stream(x: tf.Tensor, filters: Sequence[int], stream: str, name: str) -> tf.Tensor:
    """Return the maps of one stream: 32x32 -> 16x16 -> 8x8 -> 4x4."""
    layers = tf.keras.layers
    name = f"{name}_{stream}"
    for stage, width in enumerate(filters, 1):
        x = layers.Conv2D(width, 5, padding="same", name=f"{name}_conv{stage}")(x)
        x = layers.BatchNormalization(name=f"{name}_norm{stage}")(x)
        x = layers.ReLU(name=f"{name}_relu{stage}")(x)
        pool = layers.MaxPooling2D if stage == 1 else layers.AveragePooling2D
        x = pool(3, 2, padding="same", name=f"{name}_pool{stage}")(x)
        if stage < len(filters):
            x = layers.Dropout(_DROPOUT[stream], name=f"{name}_dropout{stage}")(x)
    return x


def _fuse(spatial: tf.Tensor, temporal: tf.Tensor, fusion: str, name: str) -> tf.Tensor:
    if fusion == "sum":
        return tf.keras.layers.Add(name=f"{name}_sum")([spatial, temporal])
    x = tf.keras.layers.Concatenate(name=f"{name}_concat")([spatial, temporal])
    if fusion == "conv":
        x = tf.keras.layers.Conv2D(_FILTERS[-1], 1, activation="relu", name=f"{name}_conv")(x)
    return x


def _dense(x: tf.Tensor, name: str) -> tf.Tensor:
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    return tf.keras.layers.Dense(_UNITS, activation="relu", name=name)(x)


def _check_options(input_shape, fuse_at, fusion, dropout) -> None:
    if len(input_shape) != 4 or input_shape[0] < 3 or input_shape[-1] != 5:
        raise InputError(
            f"input_shape={tuple(input_shape)!r} cannot be used with trunk 'semi_coupled_fusion', "
            "which takes 3 frames or more with RGB and flow: give (frames, height, width, 5), as "
            "clip='uniform(11)|farneback(3)' does"
        )
    if min(input_shape[1:3]) < _SMALLEST_SIDE:
        raise InputError(
            f"input_shape={tuple(input_shape)!r} is too small for trunk 'semi_coupled_fusion': "
            f"height and width must be at least {_SMALLEST_SIDE} pixels"
        )
    if fuse_at not in _FUSIONS:
        raise InputError(f"fuse_at={fuse_at!r} cannot be used: choose lastcv or fc1")
    if fusion not in _FUSIONS[fuse_at]:
        raise InputError(
            f"fusion={fusion!r} cannot be used at {fuse_at}: choose {', '.join(_FUSIONS[fuse_at])}"
        )
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
