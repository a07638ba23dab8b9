"""The operations of augmentations that change one image: its geometry or its values.

A factory per operation checks the arguments of the text and returns a `Warp` or `PixelChange`,
which draws anew for each clip of a batch (an image is a clip of one frame), or a `Sampling`.
"""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from mtl_lowres.data.mirror import mirror_images
from mtl_lowres.data.recipe import require_flag, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.registry import AUGMENTATIONS


@dataclasses.dataclass(frozen=True)
class Warp:
    """A geometric change.

    `matrices(size, seed) -> float32 [size, 3, 3]`, for a batch of `size` clips, leads from
    (x, y, 1) in the result to the source, in pixels from the centre of the image. It may be of
    `square_only` images. Where no pixel is interpolated, `mirror(clips [n, t, h, w, c], seed) ->
    clips` does the same, with the same draws, at a fraction of the cost.
    """

    matrices: Callable
    square_only: bool = False
    mirror: Callable | None = None


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the warp of an image reads the source: `"BILINEAR"` or `"NEAREST"`."""

    interpolation: str


@dataclasses.dataclass(frozen=True)
class PixelChange:
    """A change of values: `apply(clips [n, t, h, w, c], seed int32 [2]) -> clips`."""

    apply: Callable


def _matrices(size: tf.Tensor, a=1.0, b=0.0, x=0.0, c=0.0, d=1.0, y=0.0) -> tf.Tensor:
    """Return [size, 3, 3] affine matrices from scalars or tensors [size]."""
    entries = [tf.broadcast_to(entry, [size]) for entry in (a, b, x, c, d, y, 0.0, 0.0, 1.0)]
    return tf.reshape(tf.stack(entries, axis=1), [size, 3, 3])


def _uniform(shape: list, seed: tf.Tensor, bound: float) -> tf.Tensor:
    """Draw float32 evenly from [-bound, bound)."""
    return tf.random.stateless_uniform(shape, seed, -bound, bound)


def _uniform_per_clip(clips: tf.Tensor, seed: tf.Tensor, bound: float, per_channel: bool):
    size, _, _, _, channels = tf.unstack(tf.shape(clips))
    return _uniform([size, 1, 1, 1, channels if per_channel else 1], seed, bound)


@AUGMENTATIONS.register("flip")
def flip(p: float = 0.5, axis: str = "horizontal") -> Warp:
    """Mirror left and right, or with `axis="vertical"` top and bottom, with probability `p`."""
    p = require_number("p", p, 0, 1)
    if axis not in ("horizontal", "vertical"):
        raise InputError(f'axis must be "horizontal" or "vertical", got {axis!r}')
    vertical = axis == "vertical"

    def drawn(size, seed):
        return tf.random.stateless_uniform([size], seed) < p

    def matrices(size, seed):
        signs = tf.where(drawn(size, seed), -1.0, 1.0)
        return _matrices(size, **{"d" if vertical else "a": signs})

    def mirror(clips, seed):
        chosen, mirrored = drawn(tf.shape(clips)[0], seed), mirror_images(clips, vertical)
        # It copies whole clips; tf.where would ask for each value, which takes thrice as long.
        return tf.raw_ops.Select(condition=chosen, x=mirrored, y=clips)

    return Warp(matrices, mirror=mirror)


@AUGMENTATIONS.register("turn")
def turn() -> Warp:
    """Turn by 0, 90, 180 or 270 degrees, as a camera on the ceiling may; square images only."""

    def matrices(size, seed):
        quarters = tf.random.stateless_uniform([size], seed, 0, 4, tf.int32)
        cosines = tf.gather([1.0, 0.0, -1.0, 0.0], quarters)
        sines = tf.gather([0.0, 1.0, 0.0, -1.0], quarters)
        return _matrices(size, a=cosines, b=-sines, c=sines, d=cosines)

    return Warp(matrices, square_only=True)


@AUGMENTATIONS.register("shift")
def shift(pixels: float, whole: bool = False) -> Warp:
    """Move by up to `pixels` in x and in y; `whole=True` by whole pixels, all equally likely."""
    require = require_integer if require_flag("whole", whole) else require_number
    pixels = require("pixels", pixels, 0)

    def matrices(size, seed):
        if whole:
            offsets = tf.random.stateless_uniform([2, size], seed, -pixels, pixels + 1, tf.int32)
            offsets = tf.cast(offsets, tf.float32)
        else:
            offsets = _uniform([2, size], seed, pixels)
        return _matrices(size, x=offsets[0], y=offsets[1])

    return Warp(matrices)


@AUGMENTATIONS.register("rotate")
def rotate(degrees: float) -> Warp:
    """Turn about the centre by up to `degrees` either way."""
    degrees = require_number("degrees", degrees, 0, 180)

    def matrices(size, seed):
        angles = _uniform([size], seed, math.radians(degrees))
        cosines, sines = tf.cos(angles), tf.sin(angles)
        return _matrices(size, a=cosines, b=-sines, c=sines, d=cosines)

    return Warp(matrices)


@AUGMENTATIONS.register("scale")
def scale(fraction: float) -> Warp:
    """Enlarge about the centre by a factor from 1 - `fraction` to 1 + `fraction`."""
    fraction = require_number("fraction", fraction, 0, 0.9)

    def matrices(size, seed):
        step = 1.0 / (1.0 + _uniform([size], seed, fraction))
        return _matrices(size, a=step, d=step)

    return Warp(matrices)


@AUGMENTATIONS.register("aspect")
def aspect(fraction: float) -> Warp:
    """Change width over height by a factor from 1 / (1 + `fraction`) to 1 + `fraction`.

    The area stays the same; the factor is even in its logarithm.
    """
    bound = math.log1p(require_number("fraction", fraction, 0, 9))

    def matrices(size, seed):
        widening = tf.exp(0.5 * _uniform([size], seed, bound))
        return _matrices(size, a=1.0 / widening, d=widening)

    return Warp(matrices)


@AUGMENTATIONS.register("nearest")
def nearest() -> Sampling:
    """Let the geometric operations take the nearest pixel instead of blending four.

    Blending blurs an image of 16 pixels visibly, so that training images are softer than those
    that the network meets later.
    """
    return Sampling("NEAREST")


@AUGMENTATIONS.register("gain")
def gain(fraction: float) -> PixelChange:
    """Multiply the values by a factor from 1 - `fraction` to 1 + `fraction`, as exposure does."""
    fraction = require_number("fraction", fraction, 0, 1)
    return PixelChange(
        lambda clips, seed: clips * (1.0 + _uniform_per_clip(clips, seed, fraction, False))
    )


@AUGMENTATIONS.register("brightness")
def brightness(delta: float, per_channel: bool = False) -> PixelChange:
    """Add a value from [-`delta`, `delta`] to an image, or to each of its channels."""
    delta = require_number("delta", delta, 0, 1)
    require_flag("per_channel", per_channel)
    return PixelChange(
        lambda clips, seed: clips + _uniform_per_clip(clips, seed, delta, per_channel)
    )


@AUGMENTATIONS.register("contrast")
def contrast(fraction: float, per_channel: bool = False) -> PixelChange:
    """Multiply distances from the mean by a factor from 1 - `fraction` to 1 + `fraction`.

    Factor and mean are those of an image or whole clip, or with `per_channel` of each channel.
    """
    fraction = require_number("fraction", fraction, 0, 1)
    require_flag("per_channel", per_channel)

    def apply(clips, seed):
        axes = [1, 2, 3] if per_channel else [1, 2, 3, 4]
        mean = tf.reduce_mean(clips, axes, keepdims=True)
        factor = 1.0 + _uniform_per_clip(clips, seed, fraction, per_channel)
        return mean + (clips - mean) * factor

    return PixelChange(apply)


@AUGMENTATIONS.register("gamma")
def gamma(fraction: float) -> PixelChange:
    """Raise values to an exponent from 1 / (1 + `fraction`) to 1 + `fraction`, even in its log."""
    bound = math.log1p(require_number("fraction", fraction, 0))

    def apply(clips, seed):
        exponents = tf.exp(_uniform_per_clip(clips, seed, bound, per_channel=False))
        return tf.clip_by_value(clips, 0.0, 1.0) ** exponents

    return PixelChange(apply)


@AUGMENTATIONS.register("noise")
def noise(sigma: float, per_channel: bool = False) -> PixelChange:
    """Add Gaussian noise of standard deviation `sigma`, white being 1, to each pixel.

    The channels of a pixel get the same value, so that gray stays gray; with `per_channel` each
    gets its own. All frames of a clip get the same noise.
    """
    sigma = require_number("sigma", sigma, 0)
    require_flag("per_channel", per_channel)

    def apply(clips, seed):
        size, _, height, width, channels = tf.unstack(tf.shape(clips))
        shape = [size, 1, height, width, channels if per_channel else 1]
        return clips + tf.random.stateless_normal(shape, seed, stddev=sigma)

    return PixelChange(apply)


@AUGMENTATIONS.register("cutout")
def cutout(side: int) -> PixelChange:
    """Replace a square of `side` pixels by the mean colour of each image.

    Its centre is any pixel, so that the square may reach over the border (DeVries & Taylor 2017,
    section 3.2; they fill with 0 in images normalised to mean 0).
    """
    side = require_integer("side", side, 1)

    def covered(length, size, seed):
        start = tf.random.stateless_uniform([size, 1], seed, 0, length, tf.int32) - side // 2
        places = tf.range(length)
        return (places >= start) & (places < start + side)

    def apply(clips, seed):
        size, _, height, width, _ = tf.unstack(tf.shape(clips))
        row_seed, column_seed = tf.unstack(tf.random.split(seed))
        rows = covered(height, size, row_seed)[:, tf.newaxis, :, tf.newaxis, tf.newaxis]
        columns = covered(width, size, column_seed)[:, tf.newaxis, tf.newaxis, :, tf.newaxis]
        return tf.where(rows & columns, tf.reduce_mean(clips, [2, 3], keepdims=True), clips)

    return PixelChange(apply)
