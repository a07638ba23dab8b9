"""Resizing and blurring as weighted sums along one axis at a time, in TensorFlow operations.

`tf.image.resize` has neither OpenCV's area reduction to sizes that do not divide, nor its bicubic
kernel, nor the clipping between passes of 8-bit Pillow. Here every filter is a table of taps (which
input positions an output position reads, and with which weights), so that one routine serves all.

Results are the same to the bit eagerly, in `tf.data` and in an exported graph. Two rules keep that:
a sum is taken in the order of its taps whatever the number of threads (sparse, not dense, matrix
products), and no expression is one that graph optimisation would reorder: positions are exact
integers up to a single rounding, and division by a constant is multiplication by its reciprocal.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

Size = int | tf.Tensor

KERNELS = ("area", "bicubic", "bilinear", "lanczos", "nearest")


class Taps(NamedTuple):
    """`positions` int64 and `weights` float32, both [outputs, taps], of a filter on one axis."""

    positions: tf.Tensor
    weights: tf.Tensor


def image_size(images: tf.Tensor) -> tuple[Size, Size]:
    """Return height and width of [n, h, w, c]: integers where known, else scalar tensors."""
    dynamic = tf.shape(images)
    height, width = images.shape[1], images.shape[2]
    return (
        dynamic[1] if height is None else height,
        dynamic[2] if width is None else width,
    )


def scaled_side(side: Size, factor: float) -> Size:
    """Return `side * factor` rounded down (but 1 at least), as the face papers' `int()` does.

    A product that misses an integer by less than 1e-6 counts as that integer: 49 * (1/49) is 1.
    """
    if isinstance(side, int):
        return max(1, int(side * factor + 1e-6))
    return tf.maximum(tf.cast(tf.cast(side, tf.float64) * factor + 1e-6, tf.int32), 1)


def resize(
    images: tf.Tensor, height: Size, width: Size, kernel: str, antialias: bool = True
) -> tf.Tensor:
    """Resize float32 [n, h, w, c] in [0, 1] to [n, height, width, c].

    - `area`: mean over the part of the image that an output pixel covers, fractions of pixels
      included; `cv2.INTER_AREA`, also when enlarging (pixels become blocks with mixed borders).
      Only where one side grows and the other shrinks does OpenCV do something else.
    - `bilinear`, `bicubic` (a = -0.5), `lanczos` (3 lobes): Pillow's filters of those names, whose
      support grows with the reduction.
    - the same with `antialias=False`: `cv2.INTER_LINEAR`, `cv2.INTER_CUBIC` (a = -0.75),
      `cv2.INTER_LANCZOS4`, which read the few pixels around a point and repeat the border.
    - `nearest`: the pixel under the centre of the output pixel, the right or lower of two; as
      Pillow's `NEAREST` (`cv2.INTER_NEAREST` looks under the corner) but for such ties, which
      Pillow leaves to rounding errors.

    Pillow works in 8 bits and so clips between its two passes, columns first; bicubic and lanczos
    with `antialias` do the same, as an image with hard edges shows the difference.
    """
    old_height, old_width = image_size(images)
    rows = _resize_taps(old_height, height, kernel, antialias)
    columns = _resize_taps(old_width, width, kernel, antialias)
    if antialias and kernel in ("bicubic", "lanczos"):
        images = tf.clip_by_value(filter_axis(images, columns, axis=2), 0.0, 1.0)
        return filter_axis(images, rows, axis=1)
    # Rows first: they lie contiguously in memory, so that the pass over the whole image is fast.
    return filter_axis(filter_axis(images, rows, axis=1), columns, axis=2)


def fast_area(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resize as `resize` with "area", in one operation and up to rounding errors."""
    return tf.raw_ops.ResizeArea(images=images, size=[height, width])


def gaussian_blur(images: tf.Tensor, sigma: float) -> tf.Tensor:
    """Blur float32 [n, h, w, c] with a Gaussian of `sigma` pixels.

    `cv2.GaussianBlur` of a float image: a radius of 4 sigma, borders mirrored without repeating the
    edge pixel (`BORDER_REFLECT_101`).
    """
    radius = (round(sigma * 8 + 1) | 1) // 2
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis, side in zip((1, 2), image_size(images), strict=True):
        side = tf.cast(side, tf.int64)
        positions = _mirror(tf.range(side)[:, tf.newaxis] + offsets, side)
        taps = Taps(positions, tf.broadcast_to(weights, tf.shape(positions)))
        images = filter_axis(images, taps, axis)
    return images


def filter_axis(images: tf.Tensor, taps: Taps, axis: int) -> tf.Tensor:
    """Replace `axis` (1 or 2) of [n, h, w, c] by the weighted sums that `taps` lists."""
    order = [1, 0, 2, 3] if axis == 1 else [2, 1, 0, 3]
    images = tf.transpose(images, order)
    shape = tf.shape(images)
    # Few operations, as on a small image each takes longer than its arithmetic.
    taps_shape = tf.shape(taps.positions)
    outputs = taps_shape[0]
    output_of_tap = tf.range(tf.cast(outputs, tf.int64))[:, tf.newaxis]
    output_of_tap = tf.broadcast_to(output_of_tap, taps_shape)
    sums = tf.raw_ops.SparseTensorDenseMatMul(
        a_indices=tf.reshape(tf.stack([output_of_tap, taps.positions], axis=-1), [-1, 2]),
        a_values=tf.reshape(taps.weights, [-1]),
        a_shape=tf.cast(tf.stack([outputs, shape[0]]), tf.int64),
        b=tf.reshape(images, [shape[0], tf.reduce_prod(shape[1:])]),
    )
    sums = tf.reshape(sums, tf.concat([[outputs], shape[1:]], axis=0))
    sums.set_shape([None, *images.shape[1:]])
    return tf.transpose(sums, order)


def _resize_taps(old: Size, new: Size, kernel: str, antialias: bool) -> Taps:
    if kernel == "nearest":
        return _nearest_taps(old, new)
    if kernel == "area":
        return _area_taps(old, new)
    function, lobes = _FILTERS[kernel, antialias]
    old, new = tf.cast(old, tf.int64), tf.cast(new, tf.int64)
    # An output centre lies at (2i + 1) * old / (2 * new) in units of input pixels.
    twice_new = 2 * new
    numerators = (2 * tf.range(new) + 1) * old
    centres = tf.cast(numerators, tf.float64) * (1.0 / tf.cast(twice_new, tf.float64))
    widest = tf.maximum(old, new) if antialias else new
    reach = tf.math.floordiv(lobes * widest + new - 1, new)
    # Some of these taps may lie outside the support, where the kernel is zero.
    offsets = tf.range(-reach, reach + 1)
    positions = tf.math.floordiv(numerators, twice_new)[:, tf.newaxis] + offsets
    distances = tf.cast(positions, tf.float64) + 0.5 - centres[:, tf.newaxis]
    weights = function(distances * (tf.cast(new, tf.float64) / tf.cast(widest, tf.float64)))
    if antialias:  # Pillow leaves out what lies beyond the border; OpenCV repeats the border.
        inside = (positions >= 0) & (positions < old)
        weights = tf.where(inside, weights, tf.zeros([], tf.float64))
    return _normalised(positions, weights, old)


def _nearest_taps(old: Size, new: Size) -> Taps:
    old, new = tf.cast(old, tf.int64), tf.cast(new, tf.int64)
    positions = tf.math.floordiv((2 * tf.range(new) + 1) * old, 2 * new)[:, tf.newaxis]
    return Taps(positions, tf.ones(tf.shape(positions)))


def _area_taps(old: Size, new: Size) -> Taps:
    old, new = tf.cast(old, tf.int64), tf.cast(new, tf.int64)
    # In units of 1 / new of an input pixel all borders are integers, so overlaps are exact.
    start = (tf.range(new) * old)[:, tf.newaxis]
    positions = tf.math.floordiv(start, new) + tf.range(tf.math.floordiv(old - 1, new) + 2)
    left = positions * new
    overlap = tf.maximum(tf.minimum(left + new, start + old) - tf.maximum(left, start), 0)
    # The overlaps of an output pixel add up to its side, which is `old` of these units.
    weights = tf.cast(overlap, tf.float64) / tf.cast(old, tf.float64)
    return Taps(tf.minimum(positions, old - 1), tf.cast(weights, tf.float32))


def _normalised(positions: tf.Tensor, weights: tf.Tensor, old: tf.Tensor) -> Taps:
    weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
    return Taps(tf.clip_by_value(positions, 0, old - 1), tf.cast(weights, tf.float32))


def _mirror(positions: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """Reflect positions at 0 and side - 1 until they lie in the image, however small that is."""
    period = tf.maximum(2 * side - 2, 1)
    positions = tf.math.floormod(positions, period)
    return tf.minimum(positions, period - positions)


def _triangle(x: tf.Tensor) -> tf.Tensor:
    return tf.maximum(1.0 - tf.abs(x), 0.0)


def _cubic(a: float):
    """Keys' cubic convolution kernel (1981, equation 4 with free slope `a` at distance 1)."""

    def kernel(x: tf.Tensor) -> tf.Tensor:
        x = tf.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1.0
        far = ((x - 5.0) * x + 8.0) * x - 4.0
        return tf.where(x < 1.0, near, tf.where(x < 2.0, a * far, tf.zeros([], x.dtype)))

    return kernel


def _lanczos(lobes: int):
    def kernel(x: tf.Tensor) -> tf.Tensor:
        product = _sinc(x, math.pi) * _sinc(x, math.pi / lobes)
        return tf.where(tf.abs(x) < lobes, product, tf.zeros([], x.dtype))

    return kernel


def _sinc(x: tf.Tensor, frequency: float) -> tf.Tensor:
    angle = x * frequency
    return tf.where(x == 0.0, tf.ones([], x.dtype), tf.math.divide_no_nan(tf.sin(angle), angle))


_FILTERS = {
    ("bilinear", True): (_triangle, 1),
    ("bilinear", False): (_triangle, 1),
    ("bicubic", True): (_cubic(-0.5), 2),
    ("bicubic", False): (_cubic(-0.75), 2),
    ("lanczos", True): (_lanczos(3), 3),
    ("lanczos", False): (_lanczos(4), 4),
}
