"""JPEG files: whether one is plain, at which scale to decode it, and its decoding.

A plain JPEG, the common case, needs none of the checks and turns that others do: an operation takes
a thousandth of the time of decoding, and these are hundreds.
"""

import numpy as np
import tensorflow as tf

from mtl_lowres.data import headers

REDUCTIONS = (1, 2, 4, 8)
# The header of a JPEG without EXIF, colour profile or thumbnail is about 600 bytes, of which JFIF's
# segment is the first 20; a short comment may follow.
_PLAIN_HEADER, _PLAIN_TABLE = 2048, 256
_JFIF_START = b"\xff\xd8\xff\xe0\0\x10JFIF\0"
_TABLE_MARKER, _SCAN_MARKER = b"\xff\xdb\0", b"\xff\xda\0"


def is_plain_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Return whether it is a JPEG as encoders write it, whose short header has no room for EXIF.

    That is: the segment of JFIF, soon the first quantisation table, soon the first scan.
    """
    head = tf.strings.substr(contents, 0, _PLAIN_HEADER)
    before_table = headers.split_once(head, _TABLE_MARKER)[0]
    starts_plain = tf.strings.substr(head, 0, len(_JFIF_START)) == _JFIF_START
    starts_plain &= tf.strings.length(before_table) < _PLAIN_TABLE
    is_short = tf.size(headers.split_once(head, _SCAN_MARKER)) > 1
    return starts_plain & is_short & (tf.size(headers.split_once(head, headers.EXIF_MARKER)) < 2)


def decode_plain_jpeg(
    contents: tf.Tensor, reduction: int, least_side: int, max_pixels: int
) -> tf.Tensor:
    """Decode a plain JPEG at one scale, in operations without a branch.

    Args:
        contents: string scalar.
        reduction: place in `REDUCTIONS` of the scale.
        least_side: of the reduced image, as in `choose_reduction`.
        max_pixels: limit of height x width.

    Returns:
        float32 [h, w, 3] in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: if it is no plain JPEG, `choose_reduction` would choose
            another scale, or it is corrupt, truncated or too large.
    """
    shape = plain_jpeg_shape(contents)
    chosen = choose_reduction(shape, len(REDUCTIONS) - 1 if least_side else 0, least_side)
    pixels = tf.reduce_prod(tf.cast(shape, tf.int64))
    fits = (chosen == reduction) & (pixels > 0) & (pixels <= max_pixels)
    contents = headers.require(contents, (fits, "a JPEG of another scale or size"))
    image = reduced_jpeg(contents, REDUCTIONS[reduction])
    return tf.image.convert_image_dtype(image, tf.float32)


def plain_jpeg_shape(contents: tf.Tensor) -> tf.Tensor:
    """Return height and width, int32 [2], of a plain JPEG.

    Raises:
        tf.errors.InvalidArgumentError: if it is no plain JPEG.
    """
    contents = headers.require(contents, (is_plain_jpeg(contents), "not a plain JPEG"))
    return tf.image.extract_jpeg_shape(contents)[:2]


def choose_reduction(shape: tf.Tensor, most: int, least_side: int) -> tf.Tensor:
    """Return the place in `REDUCTIONS` of the smallest scale that leaves enough of an image.

    Args:
        shape: int32 [2], height and width.
        most: the result is not larger.
        least_side: what the shorter side is not reduced below.
    """
    fitting = tf.reduce_min(shape) >= least_side * np.array(REDUCTIONS[1:], np.int32)
    return tf.minimum(tf.reduce_sum(tf.cast(fitting, tf.int32)), most)


def reduced_jpeg(contents: tf.Tensor, ratio: int) -> tf.Tensor:
    """Decode a JPEG at 1 / ratio of its sides, rounded up, uint8 [h, w, 3]."""
    # The accurate transform is what PIL and OpenCV use.
    return tf.io.decode_jpeg(contents, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")
