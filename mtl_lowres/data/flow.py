"""Optical flow between the frames of clips, by a method named in a text: `"farneback(3)"`.

A flow field has two channels, (dx, dy): how many pixels right and down what is seen at a place goes
until the next frame. Networks take it encoded to [0, 1], with 0.5 for no motion; the bound, the
first argument of every method, is the motion in pixels that becomes 0 or 1.
"""

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np

from mtl_lowres.data.recipe import Call, build_call, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.layers.flow_colours import COLOUR_WHEEL
from mtl_lowres.registry import Registry

FLOWS = Registry("optical flow")
# The weights of Rec. 601 luma, as in OpenCV's conversion to grey.
LUMA = np.float32([0.299, 0.587, 0.114])
_DIS_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# DIS refuses images with both sides below 12, and it and TV-L1 halve their errors at 16x16 when
# images with a side below this are enlarged.
_LEAST_SIDE = 24


@dataclasses.dataclass(frozen=True)
class FlowMethod:
    """A way to get optical flow; build it with `parse_flow`.

    Attributes:
        bound: motion in pixels a frame that is encoded as 0 or 1; larger ones are clipped to it.
        compute: (grey uint8 [h, w], next grey uint8 [h, w]) -> float32 [h, w, 2] in pixels; None
            where the flow is read from files.
        text: canonical text; methods of equal text are equal.
    """

    bound: float
    compute: Callable | None = dataclasses.field(compare=False)
    text: str = ""


def parse_flow(call: Call) -> FlowMethod:
    """Build the method that a call of a recipe describes; `list_flows()` names the methods.

    Raises:
        InputError: if the method is unknown, gets a wrong argument, or is not in this OpenCV.

    Example:
        >>> parse_flow(parse_calls("farneback(3)")[0]).bound
        3.0
    """
    return dataclasses.replace(build_call(call, FLOWS), text=str(call))


def clip_flow(method: FlowMethod, frames: np.ndarray) -> np.ndarray:
    """Return the flow from each frame of a clip to the next, float32 [t, h, w, 2] in pixels.

    The last frame has the flow of the one before it; that of a clip of one frame is zero. Flow is
    computed on grey values: Rec. 601 luma, rounded to whole numbers of 0..255.

    Args:
        method: which has a `compute`.
        frames: RGB [t, h, w, 3], floats in [0, 1] or uint8.
    """
    flow = np.zeros((*frames.shape[:3], 2), np.float32)
    if len(frames) < 2:
        return flow
    before = _grey(frames[0])
    for number, frame in enumerate(frames[1:]):
        after = _grey(frame)
        flow[number] = method.compute(before, after)
        before = after
    flow[-1] = flow[-2]
    return flow


def encode_flow(flow: np.ndarray, bound: float) -> np.ndarray:
    """Return flow in pixels as float32 in [0, 1]: `0.5 + flow / (2 bound)`, clipped."""
    encoded = np.float32(0.5) + np.asarray(flow, np.float32) * np.float32(0.5 / bound)
    return np.clip(encoded, 0.0, 1.0)


def decode_flow(encoded: np.ndarray, bound: float) -> np.ndarray:
    """Return encoded flow in [0, 1] as float32 in pixels, -bound to bound."""
    return (np.asarray(encoded, np.float32) - np.float32(0.5)) * np.float32(2 * bound)


def resize_flow(flow: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize flow [t, h, w, 2] to float32 [t, height, width, 2], in pixels of the new size.

    Vectors are averaged over the area that a new pixel covers, and scaled like the sides.
    """
    old_height, old_width = flow.shape[1:3]
    resized = np.empty((len(flow), height, width, 2), np.float32)
    for number, field in enumerate(np.asarray(flow, np.float32)):
        # One axis at a time: OpenCV does not average where one side grows and the other shrinks.
        rows = cv2.resize(field, (old_width, height), interpolation=cv2.INTER_AREA)
        resized[number] = cv2.resize(rows, (width, height), interpolation=cv2.INTER_AREA)
    return resized * np.float32([width / old_width, height / old_height])


def flow_colours(flow: np.ndarray, bound: float) -> np.ndarray:
    """Return flow [..., 2] in pixels as a colour image, float32 [..., 3] in [0, 1].

    The colour wheel of the Middlebury benchmark (Baker et al. 2011, `colorcode.cpp`): the hue is
    the direction, no motion is white, and a motion of `bound` pixels has the full colour. Deviation
    from it: larger motions are clipped as in `encode_flow`, component by component, and their
    colours are not darkened.
    """
    vectors = np.clip(np.asarray(flow, np.float32) / np.float32(bound), -1.0, 1.0)
    right, down = np.moveaxis(vectors, -1, 0)
    length = np.minimum(np.hypot(right, down), 1.0)
    turn = np.arctan2(-down, -right) * np.float32(0.5 / np.pi) + 0.5
    place = turn * np.float32(len(COLOUR_WHEEL) - 1)
    first = place.astype(np.int32)
    share = place - first.astype(np.float32)
    steps = np.roll(COLOUR_WHEEL, -1, axis=0) - COLOUR_WHEEL
    colours = np.empty((*vectors.shape[:-1], 3), np.float32)
    for channel, (wheel, step) in enumerate(zip(COLOUR_WHEEL.T, steps.T, strict=True)):
        colours[..., channel] = 1 - length * (1 - wheel[first] - share * step[first])
    return colours


@dataclasses.dataclass(frozen=True)
class Farneback:
    """OpenCV's `calcOpticalFlowFarneback` with these settings, from scratch for each two frames."""

    window: int
    levels: int
    iterations: int
    poly_n: int

    @property
    def poly_sigma(self) -> float:
        """The width in pixels of the Gaussian that weights a neighbourhood of `poly_n`."""
        return {5: 1.1, 7: 1.5}[self.poly_n]

    def __call__(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return the flow between two grey uint8 [h, w] images, float32 [h, w, 2] in pixels."""
        sizes = (self.levels, self.window, self.iterations, self.poly_n, self.poly_sigma)
        return cv2.calcOpticalFlowFarneback(before, after, None, 0.5, *sizes, 0)


@FLOWS.register("farneback")
def farneback(
    bound: float, window: int = 5, levels: int = 3, iterations: int = 3, poly_n: int = 5
) -> FlowMethod:
    """Fit a quadratic to the neighbourhood of each pixel (Farnebäck 2003).

    The defaults are for clips of 12x16 to 16x16, where a person is a few pixels wide: mean endpoint
    errors at 16x16 are 0.01 and 0.02 pixels for a blob (Gaussian, sigma 2) that moves by 1 and 2
    pixels, and 0.10 and 0.16 for two blobs 7 pixels apart that move against each other over a
    textured background. Larger windows lose small parts (there 0.90 and 1.82 with `window=15`) but
    find large motions: at 112x112, smooth texture moved by 1, 2 and 6 pixels has errors of 0.06,
    0.10 and 0.76, and with `window=15` of 0.04, 0.04 and 0.08. Two frames of 16x16 take 0.1 ms.

    Args:
        bound: motion in pixels a frame that is encoded as 0 or 1.
        window: side in pixels of the square over which motion is averaged.
        levels: how often the images are halved at most, for large motions; OpenCV does not go
            below 32 pixels a side, so that images smaller than 64 have the full size only.
        iterations: at each size.
        poly_n: side of the neighbourhood, 5 or 7 pixels.
    """
    require_integer("window", window, 2, 255)
    require_integer("levels", levels, 0, 10)
    require_integer("iterations", iterations, 1, 100)
    if poly_n not in (5, 7):
        raise InputError(f"poly_n must be 5 or 7, got {poly_n!r}")
    return FlowMethod(_require_bound(bound), Farneback(window, levels, iterations, poly_n))


@FLOWS.register("dis")
def dis(bound: float, preset: str = "medium") -> FlowMethod:
    """Search patches along the gradient, then refine (Kroeger et al. 2016), with OpenCV's presets.

    Images with a side below 24 pixels are first enlarged by a whole factor (bicubic) until neither
    side is below it; their flow is averaged over the pixels and divided by the factor.

    Errors in pixels as for `farneback`: one blob 0.01 and 0.01, two blobs 0.09 and 0.13, texture
    0.05, 0.06 and 0.09. Two frames of 16x16 take 0.5 ms.

    Args:
        bound: motion in pixels a frame that is encoded as 0 or 1.
        preset: "ultrafast", "fast" or "medium", from coarse to fine.
    """
    if preset not in _DIS_PRESETS:
        raise InputError(f"preset must be one of {', '.join(_DIS_PRESETS)}, got {preset!r}")

    def compute(before, after):
        # It keeps buffers between calls, so that threads cannot share one.
        return cv2.DISOpticalFlow_create(_DIS_PRESETS[preset]).calc(before, after, None)

    return FlowMethod(_require_bound(bound), _enlarging(compute))


@FLOWS.register("tvl1")
def tvl1(bound: float) -> FlowMethod:
    """Minimise total variation and absolute differences (Zach et al. 2007), where OpenCV has it.

    Only its contrib builds do. Small images are enlarged as for `dis`. Errors in pixels as for
    `farneback`: one blob 0.03 and 0.02, two blobs 0.08 and 0.11, texture 0.03, 0.02 and 0.32. Two
    frames of 16x16 take 20 ms.
    """
    if not hasattr(cv2, "optflow"):
        raise InputError(
            "tvl1 is not in this build of OpenCV: install opencv-contrib-python-headless in place "
            "of opencv-python-headless, or use dis"
        )

    def compute(before, after):
        return cv2.optflow.DualTVL1OpticalFlow_create().calc(before, after, None)

    return FlowMethod(_require_bound(bound), _enlarging(compute))


@FLOWS.register("stored")
def stored(bound: float) -> FlowMethod:
    """Read the flow of the manifest's column `flow`, which `mtl-lowres flow` writes."""
    return FlowMethod(_require_bound(bound), None)


def _enlarging(compute: Callable) -> Callable:
    """Return `compute` on images that are first enlarged where a side is below `_LEAST_SIDE`."""

    def compute_enlarged(before, after):
        height, width = before.shape
        factor = -(-_LEAST_SIDE // min(height, width))
        if factor <= 1:
            return compute(before, after)
        size = width * factor, height * factor
        before, after = (
            cv2.resize(i, size, interpolation=cv2.INTER_CUBIC) for i in (before, after)
        )
        return resize_flow(compute(before, after)[np.newaxis], height, width)[0]

    return compute_enlarged


def _require_bound(bound: float) -> float:
    return require_number("bound", bound, 0.01, 10_000)


def _grey(frame: np.ndarray) -> np.ndarray:
    """Return an RGB frame [h, w, 3], floats in [0, 1] or uint8, as grey uint8 [h, w]."""
    if frame.dtype == np.uint8:
        frame = frame * np.float32(1 / 255)
    red, green, blue = np.moveaxis(frame * LUMA, -1, 0)
    return np.rint((red + green + blue) * np.float32(255)).astype(np.uint8)


list_flows = FLOWS.list
