"""The lightweight multi-task network: what a clip shows, and how it changes.

Source: Tandia, master's thesis at NYCU, as far as its released notebooks and diagrams tell (no
text of the thesis is public).
"""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.layers import (
    SHIFTS,
    FoldFrames,
    MeanOfViews,
    MeanOverFrames,
    ShiftedViews,
    SpatialAttention,
    UnfoldFrames,
)
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.backbones import build_backbone
from mtl_lowres.trunks.backbones.freeze import freeze_backbone
from mtl_lowres.trunks.clip_input import clip_input

_RECURRENT = {"lstm": tf.keras.layers.LSTM, "gru": tf.keras.layers.GRU}


@TRUNKS.register("mtdnn")
def mtdnn(
    input_shape: Sequence[int],
    *,
    backbone: str = "efficientnet_b3",
    weights: str | None = None,
    trainable: bool = True,
    train_batch_norm: bool = True,
    filters: int = 512,
    temporal: str = "lstm",
    lstm_units: int = 256,
    frame_units: int | None = None,
    dropout: float = 0.3,
    view_shift: int = 0,
    name: str = "mtdnn",
) -> tf.keras.Model:
    """Return the multi-task trunk: a clip, or an image as a clip of one frame, to features.

    A backbone turns every frame into a map. The spatial block looks at the mean of the maps over
    time (where things are), the temporal block at the sequence of pooled maps (how they change);
    the trunk ends in the `filters + 2 * lstm_units` features of both.

    The defaults are the published network; its pretrained start is `weights="noisy-student"`. A
    light one for clips of 16x16 pixels is
    `mtdnn((12, 16, 16, 3), backbone="steadynet", filters=64, lstm_units=48, frame_units=64)`:
    123,781 parameters and 9.5 million multiply-adds a clip of 12 frames.

    Args:
        input_shape: (frames, height, width, channels) or (height, width, channels).
        backbone: name of a backbone, with options as in `"mobilenet_v2(alpha=0.35)"`;
            `list_backbones()` lists them.
        weights: where the backbone's weights start: None for random ones, a published set such as
            `"imagenet"`, or a file; each backbone says what it has.
        trainable: whether the backbone learns; the two blocks always do.
        train_batch_norm: whether the backbone's batch normalisations learn and use the statistics
            of the batch; False keeps those of the pretrained weights, as small batches need.
        filters: of the two convolutions of the spatial block.
        temporal: `"lstm"` (published) or `"gru"`, the recurrent layer of the temporal block, or
            `"none"` for a trunk without that block.
        lstm_units: units of the recurrent layer.
        frame_units: None pools each frame's map to its mean (published); a number makes a dense
            layer of the whole map instead, so that the sequence tells where things move.
        dropout: rate after the spatial block, after the temporal block and after both, in [0, 1).
        view_shift: pixels of the shifts over which features are averaged at prediction, which
            then costs five times as much; 0 for none.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to [n, filters + 2 * lstm_units].

    Raises:
        InputError: if an option cannot be used, the frames are too small for the backbone, or its
            weights are not to be had.

    Parameters, with the heads of the notebooks (dense 512 for faces, 1024 for swimmers, PReLU,
    batch norm, dropout): 10.66 million for gender, race and age at 198x198; 11.19 million for
    four actions and four swimmers at 15x100x100, of which 11.11 million are trained. The published
    11.1 million, given beside the faces, is thus the trained part of the swimmers' network. The
    trunk alone has 9.08 million and takes 771 and 3,280 million multiply-adds a sample.

    Deviations: frames come in [0, 1] and are normalised as the backbone's weights expect, where
    the notebooks give raw 0 to 255.
    """
    _check_options(filters, temporal, lstm_units, frame_units, dropout, view_shift)
    clip = clip_input(input_shape, name)
    frames = input_shape[0] if len(input_shape) == 4 else 1
    x = clip
    if len(input_shape) == 4:
        x = FoldFrames(name=f"{name}_frames")(x)
    if view_shift:
        x = ShiftedViews(view_shift, name=f"{name}_views")(x)
    network = build_backbone(backbone, input_shape[-3:], weights=weights, name=f"{name}_backbone")
    freeze_backbone(network, trainable, train_batch_norm)
    # As published: [n, 4, 4, 384] of 100x100 pixels, [n, 7, 7, 384] of 198x198
    maps = network(x)
    x = _spatial_block(maps, frames, filters, dropout, f"{name}_spatial")
    if temporal != "none":
        sequence = _frame_features(maps, frames, frame_units, dropout, f"{name}_frame")
        recurrent = _RECURRENT[temporal](
            lstm_units, return_sequences=True, name=f"{name}_{temporal}"
        )
        motion = _temporal_block(recurrent(sequence), dropout, f"{name}_temporal")
        x = tf.keras.layers.Concatenate(name=f"{name}_fused")([x, motion])
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_fused_dropout")(x)
    if view_shift:
        x = MeanOfViews(SHIFTS, name=f"{name}_mean")(x)
    return tf.keras.Model(clip, x, name=name)


def _spatial_block(maps, frames: int, filters: int, dropout: float, name: str) -> tf.Tensor:
    """Maps [n t, h, w, c] to what their mean over time shows, [n, filters]."""
    x = UnfoldFrames(frames, name=f"{name}_frames")(maps)
    x = MeanOverFrames(name=f"{name}_mean")(x)
    for stage in (1, 2):
        x = tf.keras.layers.SeparableConv2D(filters, 3, padding="same", name=f"{name}_conv{stage}")(
            x
        )
        x = SpatialAttention(name=f"{name}_attention{stage}")(x)
    x = tf.keras.layers.BatchNormalization(name=f"{name}_norm")(x)
    x = tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)


def _frame_features(maps, frames: int, units: int | None, dropout: float, name: str) -> tf.Tensor:
    """Maps [n t, h, w, c] to a vector of each frame, [n, t, c] or [n, t, units]."""
    if units is None:
        x = tf.keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(maps)
    else:
        x = tf.keras.layers.Flatten(name=f"{name}_flatten")(maps)
        x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = tf.keras.layers.Dense(units, activation="relu", name=f"{name}_fc")(x)
    return UnfoldFrames(frames, name=f"{name}_sequence")(x)


def _temporal_block(states, dropout: float, name: str) -> tf.Tensor:
    """States of a recurrent layer [n, t, units] to their attended mean and maximum, [n, 2 u]."""
    from keras_self_attention import SeqSelfAttention

    x = SeqSelfAttention(
        attention_activation="sigmoid",
        kernel_initializer=_glorot_normal,
        name=f"{name}_attention",
    )(states)
    mean = tf.keras.layers.GlobalAveragePooling1D(name=f"{name}_mean")(x)
    largest = tf.keras.layers.GlobalMaxPooling1D(name=f"{name}_max")(x)
    x = tf.keras.layers.Concatenate(name=f"{name}_pool")([mean, largest])
    return tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)


def _glorot_normal(shape, dtype=None) -> tf.Tensor:
    """Return new values at every call; one initialiser for all weights would repeat its own."""
    return tf.keras.initializers.GlorotNormal()(shape, dtype)


def _check_options(filters, temporal, lstm_units, frame_units, dropout, view_shift) -> None:
    widths = {"filters": filters, "lstm_units": lstm_units}
    if frame_units is not None:
        widths["frame_units"] = frame_units
    for option, value in widths.items():
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{option}={value!r} cannot be used: give a positive whole number")
    if temporal not in (*_RECURRENT, "none"):
        raise InputError(
            f"temporal={temporal!r} cannot be used: choose {', '.join(_RECURRENT)} or none"
        )
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
    if not isinstance(view_shift, int) or view_shift < 0:
        raise InputError(f"view_shift={view_shift!r} cannot be used: give whole pixels, 0 for none")
