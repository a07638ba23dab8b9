"""Streams of a two-stream network: what one of them sees of each unit of a clip.

A unit is a few successive frames. A stream is chosen by a text with options, such as
`"stacks(frames=4, filters=(16, 32, 64))"`, `"c2plus1d"` or `"c3d(frames=8, width=0.125)"`.
"""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from mtl_lowres.data.recipe import build_call, parse_calls, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.layers import FoldFrames
from mtl_lowres.registry import Registry
from mtl_lowres.trunks.c2plus1d import convolve_clips
from mtl_lowres.trunks.c3d import c3d as c3d_trunk
from mtl_lowres.trunks.frame_stacks import convolve_images, stack_frames

STREAMS = Registry("stream")


@dataclasses.dataclass(frozen=True)
class Stream:
    """A look at the units of a clip; build it with `parse_stream`.

    Attributes:
        frames: of a unit; a clip of fewer frames is one unit.
        look: (clip [n, t, h, w, c], frames of a unit, prefix of names) -> what is seen of all
            units, those of a clip in a row: maps [n t / frames, h', w', d] or vectors
            [n t / frames, d].
    """

    frames: int
    look: Callable[[tf.Tensor, int, str], tf.Tensor]


def parse_stream(text: str) -> Stream:
    """Build the stream that a text describes.

    Raises:
        InputError: if it cannot be read, is unknown, or gets a wrong argument.
    """
    calls = parse_calls(text)
    if len(calls) != 1:
        raise InputError(f"stream={text!r} cannot be used: give one, such as 'stacks'")
    try:
        return build_call(calls[0], STREAMS)
    except InputError as error:
        raise InputError(f"stream={text!r} cannot be used: {error}") from None


@STREAMS.register("stacks")
def stacks(frames: int = 4, filters: Sequence[int] = (24, 48, 96)) -> Stream:
    """See the frames of a unit, and the mean of the whole clip, as channels of one image.

    Three convolutions, as `clipnet` has them, make maps of an eighth of the size.
    """
    _require_filters(filters)

    def look(clip, unit, name):
        x = FoldFrames(name=f"{name}_fold")(stack_frames(clip, unit, f"{name}_stack"))
        return convolve_images(x, filters, name)

    return Stream(require_integer("frames", frames, 1), look)


@STREAMS.register("c2plus1d")
def c2plus1d(frames: int = 4, filters: Sequence[int] = (16, 32, 64)) -> Stream:
    """See a unit as `c2plus1d` does a clip, up to its last maps, whose mean over time is taken."""
    _require_filters(filters)

    def look(clip, unit, name):
        x = convolve_clips(_fold_units(clip, unit, name), filters, name)
        shape = x.shape[2:]
        x = tf.keras.layers.AveragePooling3D((x.shape[1], 1, 1), name=f"{name}_time")(x)
        return tf.keras.layers.Reshape(shape, name=f"{name}_maps")(x)

    return Stream(require_integer("frames", frames, 1), look)


@STREAMS.register("c3d")
def c3d(frames: int = 16, width: float = 1.0) -> Stream:
    """See a unit as the trunk `c3d` does, to its vector `fc6`."""
    require_number("width", width, 0.001, 4)

    def look(clip, unit, name):
        network = c3d_trunk(
            (unit, *clip.shape[2:]), features="fc6", width=width, name=f"{name}_c3d"
        )
        return network(_fold_units(clip, unit, name))

    return Stream(require_integer("frames", frames, 1), look)


def _fold_units(clip: tf.Tensor, unit: int, name: str) -> tf.Tensor:
    """Return [n t / unit, unit, h, w, c]: every unit a clip of its own."""
    frames, *image = clip.shape[1:]
    x = tf.keras.layers.Reshape((frames // unit, unit, *image), name=f"{name}_units")(clip)
    return FoldFrames(name=f"{name}_fold")(x)


def _require_filters(filters: Sequence[int]) -> None:
    if len(filters) != 3:
        raise InputError(f"filters={filters!r} cannot be used: give three widths of convolutions")
    for width in filters:
        require_integer("filters", width, 1)
