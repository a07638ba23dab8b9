"""What the first bytes of an image file tell, read with TensorFlow operations.

All functions take the file's bytes as a string scalar and trust none of them: a header that lies
raises `tf.errors.InvalidArgumentError` before anything is decoded or allocated.
"""

import re

import tensorflow as tf

# The order is the index that `find_format` returns.
MAGIC_BYTES = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF8",
    "BMP": b"BM",
    "npy": b"\x93NUMPY",
}
ZIP_MAGIC = b"PK\x03\x04"  # of an .npz file
_VIDEO_STARTS = (
    rb"RIFF.{4}AVI ",
    rb".{4}(ftyp|moov|mdat|free|skip|wide)",  # MP4, MOV
    rb"\x1aE\xdf\xa3",  # MKV, WebM
)
EXIF_MARKER = b"Exif\0\0"
_HEADER_BYTES = 64
_EXIF_WINDOW = 65536
_ORIENTATION_TAG = 0x0112
# Bounds on the walk through a GIF: an encoder fills its blocks with 255 bytes, so that a real
# first frame ends within 5 MB, and a crafted file of one-byte blocks cannot keep a server busy.
_GIF_EXTENSIONS, _GIF_BLOCKS = 64, 20_000


def is_video(start: bytes) -> bool:
    """Return whether a file that starts with these (at least 12) bytes is a video."""
    return any(re.match(pattern, start, re.DOTALL) for pattern in _VIDEO_STARTS)


def find_format(contents: tf.Tensor) -> tf.Tensor:
    """Return the int32 index of the file's format in `MAGIC_BYTES`, or its length if unknown."""
    found = [tf.strings.substr(contents, 0, len(m)) == m for m in MAGIC_BYTES.values()]
    return tf.argmax(tf.stack([*found, True]), output_type=tf.int32)


def split_once(contents: tf.Tensor, marker: bytes) -> tf.Tensor:
    """Return what lies before and what after the first marker; without one, all of it alone."""
    # There is no faster search among TensorFlow's operations.
    return tf.raw_ops.StringSplitV2(input=[contents], sep=marker, maxsplit=1).values


def require(contents: tf.Tensor, *checks: tuple) -> tf.Tensor:
    """Return `contents`, available only once every check holds.

    Args:
        contents: what the next operation reads; the data dependence is what makes the checks
            run before it.
        *checks: tuples of a bool scalar and the parts of the message for when it is false.

    Raises:
        tf.errors.InvalidArgumentError: if a check fails.
    """
    asserts = [tf.debugging.Assert(holds, [_as_text(p) for p in parts]) for holds, *parts in checks]
    with tf.control_dependencies(asserts):
        return tf.identity(contents)


def _as_text(part) -> tf.Tensor:
    return tf.constant(part) if isinstance(part, str) else tf.strings.as_string(part)


def require_size(contents, height, width, max_pixels: int) -> tf.Tensor:
    """Return `contents` once its header's height and width are positive and not too large."""
    height, width = tf.cast(height, tf.int64), tf.cast(width, tf.int64)
    # The side bound keeps the product below 2**63.
    small = (height < 2**31) & (width < 2**31)
    return require(
        contents,
        ((height > 0) & (width > 0), "no pixels: the header says", width, "x", height),
        (
            small & (height * width <= max_pixels),
            *(width, "x", height, "pixels is above the limit of", max_pixels),
        ),
    )


def substring(contents: tf.Tensor, start, length) -> tf.Tensor:
    """Return up to `length` bytes from `start`; nothing where `start` is beyond the end."""
    end = tf.cast(tf.strings.length(contents), tf.int64)
    start, length = tf.cast(start, tf.int64), tf.cast(length, tf.int64)
    return tf.strings.substr(contents, tf.minimum(start, end), length)


def read_bytes(contents: tf.Tensor, start, length) -> tf.Tensor:
    """Return the bytes of `substring` as int64 values 0..255."""
    data = tf.io.decode_raw(substring(contents, start, length), tf.uint8)
    return tf.cast(data, tf.int64)


def read_header(contents: tf.Tensor) -> tf.Tensor:
    """Return the first 64 bytes as int64 [64], padded with zeros when the file is shorter."""
    header = read_bytes(contents, 0, _HEADER_BYTES)
    header = tf.pad(header, [[0, _HEADER_BYTES - tf.size(header)]])
    return tf.ensure_shape(header, [_HEADER_BYTES])


def unsigned(data: tf.Tensor, little_endian=True) -> tf.Tensor:
    """Return the unsigned integer that the bytes in the last axis of `data` spell."""
    powers = tf.constant([256**i for i in range(data.shape[-1])], tf.int64)
    return tf.reduce_sum(data * tf.where(little_endian, powers, powers[::-1]), -1)


def signed32(data: tf.Tensor) -> tf.Tensor:
    """Return the signed little-endian integer that four bytes spell."""
    value = unsigned(data)
    return tf.where(value >= 2**31, value - 2**32, value)


def find_orientation(contents: tf.Tensor, marker: bytes) -> tf.Tensor:
    """Return the EXIF orientation 1..8 as an int64 scalar; 1 where there is none that is valid.

    Args:
        contents: the file; its first 64 KB are searched, where the standard puts this segment.
        marker: the bytes in front of the TIFF structure: `b"Exif\\0\\0"` in JPEG, `b"eXIf"` in PNG.
    """
    parts = split_once(tf.strings.substr(contents, 0, _EXIF_WINDOW), marker)
    return tf.cond(
        tf.size(parts) > 1,
        lambda: _orientation_of_tiff(tf.io.decode_raw(parts[1], tf.uint8)),
        lambda: tf.constant(1, tf.int64),
    )


def _orientation_of_tiff(tiff: tf.Tensor) -> tf.Tensor:
    size = tf.size(tiff, out_type=tf.int64)
    tiff = tf.pad(tiff, [[0, 10]])  # so that the fixed fields can be read from a cut segment
    little_endian = tiff[0] == ord("I")

    def number(start, length):
        field = tf.ensure_shape(tiff[start : start + length], [length])
        return unsigned(tf.cast(field, tf.int64), little_endian)

    directory = tf.minimum(number(4, 4), size)
    count = tf.minimum(number(directory, 2), tf.maximum(size - directory - 2, 0) // 12)
    entries = tiff[directory + 2 : directory + 2 + 12 * count]
    entries = tf.reshape(tf.cast(entries, tf.int64), [-1, 12])
    tags = unsigned(entries[:, :2], little_endian)
    values = unsigned(entries[:, 8:10], little_endian)
    # The trailing 1 is the answer when no entry has the tag.
    found = tf.concat([tf.boolean_mask(values, tags == _ORIENTATION_TAG), [1]], 0)[0]
    return tf.where((found >= 1) & (found <= 8), found, tf.constant(1, tf.int64))


def first_gif_frame(contents: tf.Tensor, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a GIF cut after its first frame, and how that frame lies on the canvas.

    TensorFlow's decoder reads all frames, however many and large, even if only the first is
    asked for, and shrinks the canvas to the largest frame.

    Returns:
        The GIF of one frame at offset (0, 0), and the paddings (int64 [3, 2], as `tf.pad` takes
        them) that put its image in its place on the canvas.
    """
    data = tf.pad(tf.io.decode_raw(contents, tf.uint8), [[0, _HEADER_BYTES]])
    size = tf.strings.length(contents)

    def byte(position):
        # Beyond the end there are only zeros, and a zero ends every list of blocks.
        return tf.cast(data[tf.minimum(position, size)], tf.int32)

    def number(position):
        return tf.cast(byte(position) + 256 * byte(position + 1), tf.int64)

    def after_blocks(position):
        (last,) = tf.while_loop(
            lambda p: byte(p) > 0,
            lambda p: [p + 1 + byte(p)],
            [position],
            maximum_iterations=_GIF_BLOCKS,
        )
        return last + 1

    def after_color_table(position, flags):
        return position + tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)

    (frame,) = tf.while_loop(
        lambda p: byte(p) == 0x21,
        lambda p: [after_blocks(p + 2)],
        [after_color_table(13, byte(10))],
        maximum_iterations=_GIF_EXTENSIONS,
    )
    end = after_blocks(after_color_table(frame + 10, byte(frame + 9)) + 1)
    version = tf.strings.substr(contents, 3, 3)
    contents = require(
        contents,
        ((version == b"87a") | (version == b"89a"), "corrupt GIF: neither version 87a nor 89a"),
        (end <= size, "truncated GIF"),
        (byte(frame) == 0x2C, "corrupt GIF: no image"),
    )
    left, top, width, height = (number(frame + offset) for offset in (1, 3, 5, 7))
    canvas_height = tf.maximum(number(8), top + height)
    canvas_width = tf.maximum(number(6), left + width)
    contents = require_size(contents, height, width, max_pixels)
    contents = require_size(contents, canvas_height, canvas_width, max_pixels)
    parts = [
        tf.strings.substr(contents, 0, frame + 1),
        b"\0\0\0\0",
        tf.strings.substr(contents, frame + 5, end - frame - 5),
        b";",
    ]
    below, right = canvas_height - top - height, canvas_width - left - width
    paddings = tf.stack([[top, below], [left, right], [0, 0]])
    return tf.strings.join(parts), paddings
