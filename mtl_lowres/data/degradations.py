"""The operations of degradation recipes; each takes and gives images in [0, 1].

A factory per operation checks the arguments of the recipe and returns an `Operation`. They use
TensorFlow operations only, and no expression that graph optimisation would reorder (such as a
division by a constant), so that results are the same to the bit eagerly and in graphs.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from mtl_lowres.data import resample
from mtl_lowres.data.recipe import require_flag, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DEGRADATIONS


def _same_size(height, width):
    return height, width


@dataclasses.dataclass(frozen=True)
class Operation:
    """One step of a recipe.

    Attributes:
        apply: (images [n, h, w, c], seed int32 [2] or None) -> images.
        resized: (height, width) -> (height, width), None standing for a side that is not known.
        random: whether `apply` uses the seed.
        averages: whether it resizes by averaging, so that an image already reduced a little by
            averaging gives nearly the same.
        fast: `apply` with fewer operations, whose results differ by rounding errors.
        clip: of a random operation, `apply` to the frames of one clip with one draw for all of
            them, where that is faster than one frame after the other.
    """

    apply: Callable
    resized: Callable = _same_size
    random: bool = False
    averages: bool = False
    fast: Callable | None = None
    clip: Callable | None = None


def _sides(arguments: tuple) -> tuple[int, int]:
    """Read `(side)` or `(height, width)`."""
    if len(arguments) not in (1, 2):
        raise InputError(f"give a side or height, width in pixels, got {len(arguments)} arguments")
    sides = [require_integer("a side in pixels", side, 1) for side in arguments]
    return sides[0], sides[-1]


def _resizer(kernel: str, size: tuple, factor: float | None, antialias: bool = True) -> Operation:
    require_flag("antialias", antialias)
    if factor is None and len(size) == 1 and isinstance(size[0], float):
        (factor,), size = size, ()
        if factor >= 1:
            raise InputError(f"write factor={factor!r} to enlarge, or an integer for a side")
    if factor is None:
        target = _sides(size)

        def fast_area(images, _):
            return resample.fast_area(images, *target)

        return Operation(
            lambda images, _: resample.resize(images, *target, kernel, antialias),
            lambda height, width: target,
            averages=antialias and kernel != "nearest",
            fast=fast_area if kernel == "area" else None,
        )
    if size:
        raise InputError("give either a size or a factor")
    require_number("factor", factor, 1e-4, 1e4)

    def apply(images, _):
        target = [resample.scaled_side(side, factor) for side in resample.image_size(images)]
        return resample.resize(images, *target, kernel, antialias)

    def resized(*size):
        return tuple(None if side is None else resample.scaled_side(side, factor) for side in size)

    return Operation(apply, resized)


@DEGRADATIONS.register("area")
def area(*size: int | float, factor: float | None = None) -> Operation:
    """Average over areas, as `cv2.INTER_AREA`: `area(16)`, `area(12, 16)`, `area(1/4)`.

    One integer is the side of a square, two are height and width. A number below 1, or `factor=`,
    scales both sides and rounds them down (to 1 at least).
    """
    return _resizer("area", size, factor)


@DEGRADATIONS.register("bicubic")
def bicubic(*size: int | float, factor: float | None = None, antialias: bool = True) -> Operation:
    """Resize as Pillow's BICUBIC; `antialias=False` as `cv2.INTER_CUBIC`. Sizes as in `area`."""
    return _resizer("bicubic", size, factor, antialias)


@DEGRADATIONS.register("bilinear")
def bilinear(*size: int | float, factor: float | None = None, antialias: bool = True) -> Operation:
    """Resize as Pillow's BILINEAR; `antialias=False` as `cv2.INTER_LINEAR`. Sizes as in `area`."""
    return _resizer("bilinear", size, factor, antialias)


@DEGRADATIONS.register("lanczos")
def lanczos(*size: int | float, factor: float | None = None, antialias: bool = True) -> Operation:
    """Resize as Pillow's LANCZOS; `antialias=False` as `cv2.INTER_LANCZOS4`. Sizes as in `area`."""
    return _resizer("lanczos", size, factor, antialias)


@DEGRADATIONS.register("nearest")
def nearest(*size: int | float, factor: float | None = None) -> Operation:
    """Take the pixel under each output centre, as Pillow's NEAREST. Sizes as in `area`."""
    return _resizer("nearest", size, factor)


@DEGRADATIONS.register("random_size")
def random_size(low: int, high: int, kernel: str = "area") -> Operation:
    """Resize to a square whose side is drawn evenly from the integers [low, high].

    A batch gets one side. Follow it by a fixed size, as in `"random_size(8, 32)|bicubic(112)"`,
    where images are to be batched.
    """
    require_integer("low", low, 1)
    require_integer("high", high, low)
    if kernel not in resample.KERNELS:
        raise InputError(f"kernel must be one of {', '.join(resample.KERNELS)}, got {kernel!r}")

    def apply(images, seed):
        side = tf.random.stateless_uniform([], seed, low, high + 1, tf.int32)
        return resample.resize(images, side, side, kernel)

    known = low if low == high else None
    return Operation(apply, lambda height, width: (known, known), random=True)


@DEGRADATIONS.register("pick_size")
def pick_size(*sides: int, kernel: str = "area") -> Operation:
    """Resize to a square whose side is drawn from those given, each as likely as it is often there.

    Follow it by a fixed size, as in `"pick_size(8, 16, 16, 32)|bicubic(112)"`, to train one network
    for several resolutions.
    """
    for side in sides or (0,):
        require_integer("each side", side, 1)
    if kernel not in resample.KERNELS:
        raise InputError(f"kernel must be one of {', '.join(resample.KERNELS)}, got {kernel!r}")

    def apply(images, seed):
        place = tf.random.stateless_uniform([], seed, 0, len(sides), tf.int32)
        side = tf.constant(sides)[place]
        return resample.resize(images, side, side, kernel)

    known = sides[0] if len(set(sides)) == 1 else None
    return Operation(apply, lambda height, width: (known, known), random=True)


@DEGRADATIONS.register("crop")
def crop(*size: int) -> Operation:
    """Keep the central n x n, or height x width, pixels; a smaller side stays as it is.

    Where the rest is odd, one pixel more goes at the bottom or right.
    """
    target = _sides(size)

    def apply(images, _):
        (top, height), (left, width) = (
            (tf.maximum(old - new, 0) // 2, tf.minimum(old, new))
            for old, new in zip(resample.image_size(images), target, strict=True)
        )
        return images[:, top : top + height, left : left + width]

    def resized(*size):
        pairs = zip(size, target, strict=True)
        return tuple(None if old is None else min(old, new) for old, new in pairs)

    return Operation(apply, resized)


@DEGRADATIONS.register("pad")
def pad(*size: int, value: float = 0.0) -> Operation:
    """Centre the image in a canvas of n x n, or height x width, pixels of grey `value` in [0, 1].

    A side that is larger than the canvas stays as it is: `"pad(64)|crop(64)"` gives 64 x 64 always.
    Where the rest is odd, one pixel more goes to the bottom or right.
    """
    target = _sides(size)
    value = require_number("value", value, 0, 1)

    def apply(images, _):
        missing = [
            tf.maximum(new - old, 0)
            for old, new in zip(resample.image_size(images), target, strict=True)
        ]
        paddings = [[0, 0], *([rest // 2, rest - rest // 2] for rest in missing), [0, 0]]
        return tf.pad(images, paddings, constant_values=value)

    def resized(*size):
        pairs = zip(size, target, strict=True)
        return tuple(None if old is None else max(old, new) for old, new in pairs)

    return Operation(apply, resized)


@DEGRADATIONS.register("blur")
def blur(sigma: float) -> Operation:
    """Blur with a Gaussian of `sigma` pixels, as `cv2.GaussianBlur` does a float image."""
    sigma = require_number("sigma", sigma, 0.01)
    return Operation(lambda images, _: resample.gaussian_blur(images, sigma))


@DEGRADATIONS.register("noise")
def noise(sigma: float) -> Operation:
    """Add independent Gaussian noise of standard deviation `sigma`, white being 1."""
    sigma = require_number("sigma", sigma, 0)

    def apply(images, seed):
        return images + tf.random.stateless_normal(tf.shape(images), seed, stddev=sigma)

    return Operation(apply, random=True)


@DEGRADATIONS.register("poisson")
def poisson(peak: float) -> Operation:
    """Replace each value by a photon count over `peak`, the count expected of white."""
    peak = require_number("peak", peak, 1e-3)

    def apply(images, seed):
        shape = tf.shape(images)
        counts = tf.random.stateless_poisson(shape, seed, images * peak, dtype=tf.float32)
        return counts * (1 / peak)

    return Operation(apply, random=True)


@DEGRADATIONS.register("quantize")
def quantize(levels: int) -> Operation:
    """Round to `levels` evenly spaced values from 0 to 1, halves up; 256 is what 8 bits hold."""
    steps = require_integer("levels", levels, 2, 65536) - 1
    # Not a division: graph optimisation would turn it into this product, and change bits.
    return Operation(lambda images, _: tf.floor(images * steps + 0.5) * (1 / steps))


@DEGRADATIONS.register("jpeg")
def jpeg(quality: int) -> Operation:
    """Write as JPEG and read back, each image alone; `quality` in 1..100 as in libjpeg.

    Chroma is subsampled 4:2:0, the default of Pillow and OpenCV. One or three channels.
    """
    require_integer("quality", quality, 1, 100)

    def round_trip(pixels):
        contents = tf.io.encode_jpeg(pixels, quality=quality, chroma_downsampling=True)
        # TensorFlow's default is a faster, coarser transform than other readers use.
        return tf.io.decode_jpeg(contents, pixels.shape[-1], dct_method="INTEGER_ACCURATE")

    def apply(images, _):
        pixels = tf.cast(tf.floor(images * 255.0 + 0.5), tf.uint8)
        # An empty batch comes back without its height and width.
        pixels = tf.reshape(tf.map_fn(round_trip, pixels), tf.shape(images))
        return tf.cast(pixels, tf.float32) * (1 / 255)

    return Operation(apply)


@DEGRADATIONS.register("gray")
def gray() -> Operation:
    """Replace every channel by the luma 0.299 R + 0.587 G + 0.114 B (ITU-R 601).

    The weights of Pillow's `convert("L")`, unrounded. A one-channel image stays as it is.
    """

    def apply(images, _):
        if images.shape[-1] == 1:
            return images
        red, green, blue = tf.unstack(images, num=3, axis=-1)
        luma = red * 0.299 + green * 0.587 + blue * 0.114
        return tf.stack([luma, luma, luma], axis=-1)

    return Operation(apply)
