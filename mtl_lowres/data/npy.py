"""NumPy's `.npy` files as images, read with TensorFlow operations."""

import tensorflow as tf

from mtl_lowres.data.headers import read_header, require, require_size, substring, unsigned

# NumPy's name of the type -> TensorFlow's type. Only little-endian files are read.
_DTYPES = {
    "|u1": tf.uint8,
    "<u2": tf.uint16,
    "|i1": tf.int8,
    "<i2": tf.int16,
    "<i4": tf.int32,
    "<i8": tf.int64,
    "<f4": tf.float32,
    "<f8": tf.float64,
}
# The dictionary that np.save writes; its keys are always in this order.
_HEADER = (
    r"\{'descr': *'([^']{1,8})', *'fortran_order': *(True|False), *'shape': *\(([\d, ]{0,60})\),?"
    r" *\}\s*"
)
_MAX_HEADER_BYTES = 4096
# Resampling in floating point may leave the range by a hair.
_FLOAT_SLACK = 1e-3


def decode_npy(contents: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Decode the bytes of a `.npy` file of shape [h, w], [h, w, 1], [h, w, 3] or [h, w, 4].

    Returns:
        float32 [h, w, 3] in [0, 1]. uint8 and uint16 are divided by their largest value. Signed
        integers, which arithmetic on uint8 images leaves behind, must hold 0..255 and are divided
        by 255. Floats must already be in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: on another type, shape, byte order or range of values, or
            if the file is shorter than its header claims.
    """
    dtype, column_major, shape, start = _read_header(contents)
    known = dtype == list(_DTYPES)
    rank = tf.size(shape)
    height, width, channels = tf.unstack(tf.pad(shape, [[0, 3]], constant_values=1)[:3], num=3)
    contents = require(
        contents,
        (tf.reduce_any(known), "cannot read .npy values of type", dtype),
        (
            (rank >= 2) & (rank <= 3) & tf.reduce_any(channels == [1, 3, 4]),
            *("the array's shape must be h,w or h,w,1 or h,w,3 or h,w,4, not", shape),
        ),
    )
    contents = require_size(contents, height, width, max_pixels)
    shape = tf.stack([height, width, channels])
    image = tf.switch_case(
        tf.argmax(known, output_type=tf.int32),
        [lambda t=t: _pixels(contents, start, shape, t, column_major) for t in _DTYPES.values()],
    )
    return tf.cond(channels == 1, lambda: tf.repeat(image, 3, axis=-1), lambda: image[..., :3])


def _read_header(contents: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return the type's name, whether the order is Fortran's, the shape, and where data begins."""
    first = read_header(contents)
    is_version_1 = first[6] == 1
    length = tf.where(is_version_1, unsigned(first[8:10]), unsigned(first[8:12]))
    start = tf.where(is_version_1, tf.constant(10, tf.int64), 12)
    contents = require(contents, (length <= _MAX_HEADER_BYTES, "corrupt .npy header"))
    text = substring(contents, start, length)
    matches = tf.strings.regex_full_match(text, _HEADER)
    text = require(text, (matches, "the .npy file holds no plain array of numbers"))
    dtype, order, shape = (tf.strings.regex_replace(text, _HEADER, rf"\{i}") for i in (1, 2, 3))
    sides = tf.strings.split(tf.strings.regex_replace(shape, r"[ ,]+", " "))
    return dtype, order == "True", tf.strings.to_number(sides, tf.int64), start + length


def _pixels(contents, start, shape, dtype: tf.DType, column_major) -> tf.Tensor:
    """Return the array as float32 [h, w, c] in [0, 1]."""
    needed = tf.reduce_prod(shape) * dtype.size
    present = tf.cast(tf.strings.length(contents), tf.int64) - start
    contents = require(
        contents,
        (present >= needed, "truncated .npy:", needed, "bytes claimed,", present, "present"),
    )
    values = tf.io.decode_raw(substring(contents, start, needed), dtype)
    values = tf.cond(
        column_major,
        lambda: tf.transpose(tf.reshape(values, tf.reverse(shape, [0]))),
        lambda: tf.reshape(values, shape),
    )
    if dtype in (tf.uint8, tf.uint16):
        return tf.image.convert_image_dtype(values, tf.float32)
    low, high = tf.reduce_min(values), tf.reduce_max(values)
    if dtype.is_integer:
        rule, largest, slack = "signed integers must lie in 0..255; they range from", 255, 0
    else:
        rule, largest, slack = "floats must lie in [0, 1]; they range from", 1, _FLOAT_SLACK
    low64, high64 = tf.cast(low, tf.float64), tf.cast(high, tf.float64)
    # NaN compares false, and so fails.
    fits = (low64 >= -slack) & (high64 <= largest + slack)
    values = require(values, (fits, rule, low, "to", high))
    return tf.clip_by_value(tf.cast(values, tf.float32) * (1 / largest), 0.0, 1.0)
