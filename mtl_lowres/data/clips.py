"""What a clip is of a video, as a text: `"uniform(15)"`, `"random(16, stride=2)|farneback(3)"`.

A rule says which frames it takes; a method behind it adds the optical flow between them.

A clip has the same number of frames whatever the length of its video. Every index is clamped to
the last frame there is, so that a video that is too short holds its last frame; `uniform` repeats
frames evenly instead. An image is a video of one frame.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from mtl_lowres.data.flow import FlowMethod, parse_flow
from mtl_lowres.data.recipe import build_call, format_calls, parse_calls, require_integer
from mtl_lowres.data.units import UnitSequence
from mtl_lowres.errors import InputError
from mtl_lowres.registry import SAMPLINGS

# Beyond it the frames of one clip would fill the memory.
_MAX_FRAMES = 1024


@dataclasses.dataclass(frozen=True)
class ClipSampling:
    """A rule that picks the frames of a clip; build it with `parse_clip`.

    Attributes:
        frames: how many frames a clip has.
        choose: (count of frames in the video, random generator) -> indices, maybe beyond the end.
        deterministic: whether `choose` does without the generator.
        flow: the optical flow that is added to the frames, or None.
        text: canonical text; samplings of equal text are equal.
    """

    frames: int
    choose: Callable = dataclasses.field(compare=False)
    deterministic: bool = True
    flow: FlowMethod | None = dataclasses.field(default=None, compare=False)
    text: str = ""

    def shape(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape of a clip of frames of (height, width); flow adds two channels."""
        return (self.frames, *size, 3 if self.flow is None else 5)

    def indices(self, count: int, seed: int | np.ndarray = 0) -> np.ndarray:
        """Return the int64 [frames] indices to take of a video of `count` frames, in order.

        Args:
            count: frames in the video, at least 1.
            seed: an integer or a few, such as `sample_seed` gives; the same gives the same.

        Raises:
            ValueError: if the video has no frame.
        """
        if count < 1:
            raise ValueError(f"a clip needs a video of at least one frame, got {count}")
        words = np.atleast_1d(seed).astype(np.uint32)  # NumPy takes no negative seeds
        chosen = self.choose(count, np.random.default_rng(words))
        return np.minimum(chosen, count - 1).astype(np.int64)


def parse_clip(text: str) -> ClipSampling | UnitSequence:
    """Build what a text describes: a rule of `list_clip_samplings()`, and perhaps a flow method.

    With a method of `list_flows()`, a clip has the channels red, green, blue and the flow to the
    next of its frames, in x and in y: `0.5 + pixels / (2 bound)`, which is cut to [0, 1]. The last
    frame repeats the flow of the one before it.

    Raises:
        InputError: if it cannot be read, is not one rule and at most one method, or gives a wrong
            argument.

    Example:
        >>> parse_clip("uniform(4)").indices(100).tolist()
        [12, 37, 62, 87]
        >>> parse_clip("uniform(4)|farneback(3)").shape((16, 16))
        (4, 16, 16, 5)
    """
    calls = parse_calls(text)
    if len(calls) > 2:
        raise InputError(
            f"clip {text!r}: give one rule and perhaps one flow method, such as "
            f"'uniform(15)|farneback(3)', not {len(calls)} operations"
        )
    try:
        sampling = build_call(calls[0], SAMPLINGS)
        if len(calls) == 2:
            if not isinstance(sampling, ClipSampling):
                raise InputError(f"{calls[0]} takes no frames, so leave out {calls[1]}")
            sampling = dataclasses.replace(sampling, flow=parse_flow(calls[1]))
    except InputError as error:
        raise InputError(f"clip {text!r}: {error}") from None
    return dataclasses.replace(sampling, text=format_calls(calls))


def _require_frames(n: int) -> int:
    return require_integer("n", n, 1, _MAX_FRAMES)


@SAMPLINGS.register("uniform")
def uniform(n: int) -> ClipSampling:
    """Take the middle frames of `n` equal parts: `floor((2 i + 1) count / (2 n))`.

    A video of fewer than `n` frames repeats its frames evenly: 3 frames for `uniform(6)` give
    0, 0, 1, 1, 2, 2.
    """
    _require_frames(n)
    return ClipSampling(n, lambda count, _: (2 * np.arange(n) + 1) * count // (2 * n))


@SAMPLINGS.register("first")
def first(n: int) -> ClipSampling:
    """Take the first `n` frames; a shorter video holds its last frame."""
    _require_frames(n)
    return ClipSampling(n, lambda count, _: np.arange(n))


def _window(n: int, stride: int) -> tuple[np.ndarray, int]:
    """Return the offsets of `n` frames that lie `stride` apart, and how many frames they span."""
    _require_frames(n)
    offsets = np.arange(n) * require_integer("stride", stride, 1, 10_000)
    return offsets, int(offsets[-1]) + 1


@SAMPLINGS.register("dense")
def dense(n: int, stride: int = 1) -> ClipSampling:
    """Take `n` frames, `stride` apart, from the middle of the video.

    The window spans `(n - 1) stride + 1` frames; where the rest is odd, one frame more is left
    after it. A video that is shorter than the window is read from its first frame and holds its
    last one.
    """
    offsets, span = _window(n, stride)
    return ClipSampling(n, lambda count, _: max(0, (count - span) // 2) + offsets)


@SAMPLINGS.register("random")
def random(n: int, stride: int = 1) -> ClipSampling:
    """Take `n` frames, `stride` apart, from a window that begins anywhere, all equally likely.

    A video that is shorter than the window is read from its first frame and holds its last one.
    """
    offsets, span = _window(n, stride)

    def choose(count, rng):
        return rng.integers(max(1, count - span + 1)) + offsets

    return ClipSampling(n, choose, deterministic=False)


list_clip_samplings = SAMPLINGS.list
