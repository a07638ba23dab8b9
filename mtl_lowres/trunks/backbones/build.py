"""A backbone from its text, and what backbones share: their input and their weights files."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from mtl_lowres.data.recipe import Call, parse_calls
from mtl_lowres.errors import InputError
from mtl_lowres.registry import BACKBONES


def build_backbone(
    text: str, frame_shape: Sequence[int], *, weights: str | None = None, name: str = "backbone"
) -> tf.keras.Model:
    """Return the backbone that a text names, such as `"mobilenet_v2(alpha=0.35)"`.

    Args:
        text: name of a backbone, with its options by name in brackets if there are any.
        frame_shape: (height, width, channels) of a frame.
        weights: where its weights start: None for random ones, a name such as `"imagenet"`, or
            the path of a file; each backbone says what it has.
        name: of the model.

    Returns:
        Model from float32 [n, height, width, channels] in [0, 1] to a map [n, h, w, c].

    Raises:
        InputError: if the backbone or an option is unknown, a value or the shape cannot be used,
            or the weights are not to be had.

    Example:
        >>> build_backbone("mobilenet_v2(alpha=0.35)", (64, 64, 3)).output_shape
        (None, 2, 2, 1280)
    """
    call = _parse(text)
    factory = BACKBONES.get(call.name)
    known = inspect.signature(factory).parameters.keys() - {"frame_shape", "weights", "name"}
    for option in call.kwargs:
        if option not in known:
            has = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise InputError(f"backbone {call.name!r} has no option {option!r}: {has}")
    return factory(tuple(frame_shape), weights=weights, name=name, **call.kwargs)


def frame_input(
    frame_shape: Sequence[int], smallest_side: int, backbone: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a symbolic frame and the same with three channels, grey being repeated.

    Raises:
        InputError: if a side is below `smallest_side` pixels or there are not 1 or 3 channels.
    """
    if min(frame_shape[:2]) < smallest_side:
        raise InputError(
            f"frames of {tuple(frame_shape)!r} are too small for backbone {backbone!r}: height and "
            f"width must be at least {smallest_side} pixels; enlarge them in the recipe, as in "
            "'area(16)|bicubic(64)', or take a backbone for small images, such as 'steadynet'"
        )
    if frame_shape[2] not in (1, 3):
        raise InputError(
            f"frames of {tuple(frame_shape)!r} cannot be used with backbone {backbone!r}: it takes "
            "1 or 3 channels"
        )
    frame = tf.keras.Input(tuple(frame_shape))
    if frame_shape[2] == 3:
        return frame, frame
    return frame, tf.keras.layers.Concatenate(name="grey_to_rgb")([frame] * 3)


def build_pretrained(
    build: Callable[[str | None], tf.keras.Model],
    weights: str | None,
    published: dict[str, str],
    backbone: str,
) -> tf.keras.Model:
    """Return `build(weights)`, with one clear line where the weights are not to be had.

    Args:
        build: makes the network from None, a name of published weights or the path of a file.
        weights: what to start from.
        published: name -> the file of those weights.
        backbone: name, for the message.

    Raises:
        InputError: if the file is missing or of another network, or cannot be downloaded.
    """
    if weights is None:
        return build(None)
    if weights not in published and not Path(weights).is_file():
        raise InputError(
            f"weights={weights!r} of backbone {backbone!r} is no file: name one, or one of "
            f"{', '.join(map(repr, published))}"
        )
    try:
        return build(weights)
    except Exception as error:  # Keras raises plain Exceptions here
        reason = str(error).splitlines()[0]
        files = " or ".join(published.values())
        if weights in published:
            raise InputError(
                f"the {weights!r} weights of backbone {backbone!r} cannot be fetched ({reason}): "
                f"give the path of {published[weights]} as weights"
            ) from error
        raise InputError(
            f"{weights} does not fit backbone {backbone!r} ({reason}): give a file such as {files}"
        ) from error


def refuse_weights(weights: str | None, backbone: str) -> None:
    """Refuse weights for a backbone that has none published.

    Raises:
        InputError: if `weights` is not None.
    """
    if weights is not None:
        raise InputError(
            f"weights={weights!r} cannot be used: backbone {backbone!r} has no published weights, "
            "leave them out"
        )


def _parse(text: str) -> Call:
    calls = parse_calls(text)
    if len(calls) != 1 or calls[0].args:
        raise InputError(
            f"backbone={text!r} cannot be used: write one name, with options by name if there are "
            "any, such as 'mobilenet_v2(alpha=0.35)'"
        )
    return calls[0]
