"""Two streams from clips to features: what is seen beside how it moves."""

from collections.abc import Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import require_flag, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.layers import (
    TURNS,
    ChannelSlice,
    EitherStream,
    MeanOfViews,
    TurnedFlowViews,
    TurnedViews,
    UnfoldFrames,
)
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.clip_input import clip_input
from mtl_lowres.trunks.streams import parse_stream

_APPEARANCE, _FLOW = "appearance", "flow"
_STREAMS = ("both", _APPEARANCE, _FLOW)
_FUSIONS = ("sum", "concat", "conv")
_PLACES = ("maps", "units", "states")
_TEMPORAL = ("gru", "attention")
_COLOURS = 3
_FLOW_CHANNELS = 2
_SMALLEST_SIDE = 8
_UNROLLED_STEPS = 8


@TRUNKS.register("two_stream")
def two_stream(
    input_shape: Sequence[int],
    *,
    streams: str = "both",
    stream: str = "stacks",
    flow_stream: str = "",
    units: int = 128,
    temporal: str = "gru",
    recurrent_units: int = 64,
    fusion: str = "concat",
    fuse_at: str = "maps",
    dropout: float = 0.3,
    appearance_share: float = 1.0,
    flow_weight: float = 1.0,
    turned_views: bool = False,
    grey: bool = False,
    name: str = "two_stream",
) -> tf.keras.Model:
    """Return a trunk of clips with their optical flow: two streams that are fused.

    | step            | of each stream until it is fused                                       |
    |-----------------|------------------------------------------------------------------------|
    | `stream`        | what is seen in each unit, a few successive frames: maps or a vector   |
    | features        | dropout, dense layer of `units`, ReLU                                  |
    | `temporal`      | the units in their order: a GRU in both directions, or self-attention, |
    |                 | of which mean and maximum over the units are taken                     |
    | end             | dropout                                                                |

    `fuse_at` says after which step the streams meet: `"maps"`, the last convolution and `"units"`,
    the dense layer (Chen et al., WACV 2017: lastcv and fc1), or `"states"`, the end of the
    recurrent layers (Xu et al., WACV 2018, who add all final states up). `fusion` is their sum,
    their concatenation, or a 1x1 convolution of it to the width of the first stream, with ReLU.

    Args:
        input_shape: (frames, height, width, channels), or (height, width, channels) for a clip of
            one frame. Channels are RGB and flow (dx, dy) encoded to [0, 1], as
            `clip="uniform(16)|farneback(3)"` gives; or RGB alone for `streams="appearance"`.
        streams: `"both"`, or `"appearance"` or `"flow"` for the same network with one stream.
        stream: look at units, with options: `"stacks(frames=4, filters=(24, 48, 96))"`,
            `"c2plus1d(frames=4, filters=(16, 32, 64))"` or `"c3d(frames=16, width=1.0)"`. The
            frames of a unit must divide those of the clip, unless there are fewer.
        flow_stream: look of the flow stream; empty for the same as `stream`.
        units: of the dense layer.
        temporal: `"gru"` or `"attention"`.
        recurrent_units: of the GRU in each direction.
        fusion: `"sum"`, `"concat"` or `"conv"`. A sum needs streams of equal shape.
        fuse_at: `"maps"`, `"units"` or `"states"`. For `c3d`, whose units are vectors, `"maps"`
            are these.
        dropout: rate before the dense layer and of the features, in [0, 1).
        appearance_share: below 1, the streams learn apart: this share of the training clips is seen
            by the appearance stream alone, the others by the flow stream alone. Together a stream
            that soon knows the training people leaves the other little to learn.
        flow_weight: factor on the flow stream at prediction, where they learn apart.
        turned_views: average the features at prediction over the eight turns and reflections of
            the clip, with the flow turned too, for cameras that look straight down on square
            images. It costs no parameters, but eight times the time.
        grey: let the appearance stream see the first channel alone, for video that is grey, whose
            channels are equal.
        name: of the model and prefix of its layers.

    Returns:
        Model from float32 [n, *input_shape] in [0, 1] to [n, 2 * recurrent_units], with attention
        to [n, 2 * units]; twice that where states are concatenated.

    Raises:
        InputError: if an option cannot be used or does not fit the clip.

    Example:
        >>> two_stream((16, 16, 16, 5), fusion="sum", fuse_at="states").output_shape
        (None, 128)
    """
    clip = clip_input(input_shape, name)
    _check_choices(streams, temporal, fusion, fuse_at)
    _check_options(input_shape, units, recurrent_units, turned_views, grey)
    _check_rates(dropout, appearance_share, flow_weight)
    channels = _channels(input_shape, streams, grey)
    looks = {
        kind: parse_stream((flow_stream or stream) if kind == _FLOW else stream)
        for kind in channels
    }
    x = clip
    if len(input_shape) == 3:
        x = tf.keras.layers.Reshape((1, *input_shape), name=f"{name}_frame")(x)
    steps = _steps({kind: look.frames for kind, look in looks.items()}, x.shape[1])
    if turned_views:
        has_flow = input_shape[-1] == _COLOURS + _FLOW_CHANNELS
        x = (TurnedFlowViews if has_flow else TurnedViews)(name=f"{name}_turned")(x)

    parts = {}
    for kind, (start, stop) in channels.items():
        own = ChannelSlice(start, stop, name=f"{name}_{kind}")(x)
        parts[kind] = looks[kind].look(own, x.shape[1] // steps, f"{name}_{kind}")
    for place in _PLACES:
        if place == "units":
            parts = _each(parts, _unit_features, name, steps, units, dropout)
        elif place == "states":
            parts = _each(parts, _read_units, name, temporal, recurrent_units)
        if place == fuse_at and len(parts) == 2:
            both = list(parts.values())
            if appearance_share < 1:
                both = EitherStream(appearance_share, flow_weight, name=f"{name}_either")(both)
            parts = {"fused": _fuse(both, fusion, f"{name}_{fusion}")}
    (x,) = parts.values()
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_feature_dropout")(x)
    if turned_views:
        x = MeanOfViews(TURNS, name=f"{name}_mean")(x)
    return tf.keras.Model(clip, x, name=name)


def _each(parts: dict[str, tf.Tensor], step, name: str, *options) -> dict[str, tf.Tensor]:
    return {kind: step(x, *options, f"{name}_{kind}") for kind, x in parts.items()}


def _unit_features(x: tf.Tensor, steps: int, units: int, dropout: float, name: str) -> tf.Tensor:
    """Return [n, steps, units] of what is seen of each unit."""
    x = tf.keras.layers.Flatten(name=f"{name}_flatten")(x)
    x = tf.keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = tf.keras.layers.Dense(units, activation="relu", name=f"{name}_fc")(x)
    return UnfoldFrames(steps, name=f"{name}_unfold")(x)


def _read_units(x: tf.Tensor, temporal: str, recurrent_units: int, name: str) -> tf.Tensor:
    """Return what the units [n, steps, d] say in their order, [n, features]."""
    if temporal == "gru":
        # A loop over so few steps takes longer than the steps.
        unroll = x.shape[1] <= _UNROLLED_STEPS
        recurrent = tf.keras.layers.GRU(recurrent_units, unroll=unroll, name=f"{name}_gru")
        return tf.keras.layers.Bidirectional(recurrent, name=f"{name}_both_ways")(x)
    from keras_self_attention import SeqSelfAttention

    x = SeqSelfAttention(attention_activation="sigmoid", name=f"{name}_attention")(x)
    mean = tf.keras.layers.GlobalAveragePooling1D(name=f"{name}_attended_mean")(x)
    largest = tf.keras.layers.GlobalMaxPooling1D(name=f"{name}_attended_max")(x)
    return tf.keras.layers.Concatenate(name=f"{name}_attended")([mean, largest])


def _fuse(parts: Sequence[tf.Tensor], fusion: str, name: str) -> tf.Tensor:
    appearance, flow = parts
    if fusion == "sum":
        if appearance.shape != flow.shape:
            raise InputError(
                f"fusion='sum' cannot be used: the streams give {list(appearance.shape[1:])} and "
                f"{list(flow.shape[1:])}: give them equal widths, or use 'concat' or 'conv'"
            )
        return tf.keras.layers.Add(name=name)(parts)
    if appearance.shape[1:-1] != flow.shape[1:-1]:
        raise InputError(
            f"fusion={fusion!r} cannot be used: the streams give maps of "
            f"{list(appearance.shape[1:])} and {list(flow.shape[1:])}: fuse_at='units' joins them"
        )
    x = tf.keras.layers.Concatenate(name=f"{name}_joined")(parts)
    if fusion == "concat":
        return x
    # A dense layer over the channels of every place is a 1x1 convolution, and takes vectors too.
    return tf.keras.layers.Dense(appearance.shape[-1], activation="relu", name=name)(x)


def _channels(input_shape, streams: str, grey: bool) -> dict[str, tuple[int, int]]:
    """Return stream -> its first channel and the one after its last."""
    count = input_shape[-1]
    has_flow = count == _COLOURS + _FLOW_CHANNELS
    if streams != _APPEARANCE and not has_flow:
        raise InputError(
            f"input_shape={input_shape!r} cannot be used with streams={streams!r}: it needs 5 "
            "channels, RGB and flow, as clip='uniform(16)|farneback(3)' gives them"
        )
    colours = _COLOURS if has_flow else count
    both = {_APPEARANCE: (0, 1 if grey else colours), _FLOW: (colours, count)}
    return both if streams == "both" else {streams: both[streams]}


def _steps(frames: dict[str, int], count: int) -> int:
    """Return how many units a clip of `count` frames has, the same in all streams."""
    steps = set()
    for kind, unit in frames.items():
        unit = min(unit, count)
        if count % unit:
            raise InputError(
                f"stream={kind!r}: frames={unit!r} of a unit cannot be used with {count} frames: "
                "give a divisor of their number"
            )
        steps.add(count // unit)
    if len(steps) > 1:
        raise InputError(
            f"flow_stream cannot be used: its units have {frames[_FLOW]} frames and those of the "
            f"appearance stream {frames[_APPEARANCE]}: give both the same frames"
        )
    return steps.pop()


def _check_choices(streams, temporal, fusion, fuse_at) -> None:
    choices = {
        "streams": (streams, _STREAMS),
        "temporal": (temporal, _TEMPORAL),
        "fusion": (fusion, _FUSIONS),
        "fuse_at": (fuse_at, _PLACES),
    }
    for option, (value, known) in choices.items():
        if value not in known:
            raise InputError(f"{option}={value!r} cannot be used: choose {', '.join(known)}")


def _check_options(input_shape, units, recurrent_units, turned_views, grey) -> None:
    height, width = input_shape[-3:-1]
    if min(height, width) < _SMALLEST_SIDE:
        raise InputError(
            f"input_shape={input_shape!r} is too small for trunk 'two_stream': height and width "
            f"must be at least {_SMALLEST_SIDE} pixels"
        )
    require_integer("units", units, 1)
    require_integer("recurrent_units", recurrent_units, 1)
    require_flag("grey", grey)
    if turned_views and height != width:
        raise InputError(
            f"turned_views={turned_views!r} cannot be used with {height} x {width} pixels: turns "
            "need square images, so leave it out"
        )


def _check_rates(dropout, appearance_share, flow_weight) -> None:
    if not 0 <= dropout < 1:
        raise InputError(f"dropout={dropout!r} cannot be used: give a rate in [0, 1)")
    if not 0 < appearance_share <= 1:
        raise InputError(
            f"appearance_share={appearance_share!r} cannot be used: give a share in (0, 1]; 1 lets "
            "the streams learn together"
        )
    require_number("flow_weight", flow_weight, 0)
