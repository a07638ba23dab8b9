"""BMP images, read with TensorFlow operations."""

import tensorflow as tf

from mtl_lowres.data import headers

# From Windows 3 on; that of OS/2, of 12 bytes, has its numbers elsewhere.
_HEADER_LENGTHS = (40, 52, 56, 64, 108, 124)


def decode_bmp(contents: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Decode the bytes of an uncompressed BMP file of 8, 24 or 32 bits a pixel.

    Returns:
        float32 [h, w, 3] in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: if it is of another kind, corrupt, truncated or too large.
    """
    header = headers.read_header(contents)
    bits, compression = headers.unsigned(header[28:30]), headers.unsigned(header[30:34])
    standard_masks = tf.reduce_all(header[54:64] == [0, 0, 255, 0, 0, 255, 0, 0, 255, 0])
    contents = headers.require(
        contents,
        (
            tf.reduce_any(headers.unsigned(header[14:18]) == _HEADER_LENGTHS),
            "a BMP file with a header of this length is not supported",
        ),
        (
            tf.reduce_any(bits == [8, 24, 32]),
            *("BMP files of", bits, "bits a pixel are not supported, only 8, 24 and 32"),
        ),
        (
            (compression == 0) | ((compression == 3) & (bits == 32) & standard_masks),
            "compressed BMP files are not supported",
        ),
    )
    height, width = headers.signed32(header[22:26]), headers.signed32(header[18:22])
    contents = headers.require_size(contents, tf.abs(height), width, max_pixels)
    # TensorFlow's decoder takes no bytes behind the rows, which are of whole 32-bit words.
    rows = tf.abs(height) * ((bits * width + 31) // 32 * 4)
    contents = headers.substring(contents, 0, headers.unsigned(header[10:14]) + rows)
    image = tf.cond(
        bits == 8,
        lambda: _bmp_with_palette(contents, header),
        lambda: tf.io.decode_bmp(contents, channels=3),
    )
    return tf.image.convert_image_dtype(image, tf.float32)


def _bmp_with_palette(contents, header):
    """Return uint8 RGB; TensorFlow's decoder alone would return the palette's indices as gray."""
    start, end = 14 + headers.unsigned(header[14:18]), headers.unsigned(header[10:14])
    count = tf.clip_by_value((end - start) // 4, 0, 256)
    palette = tf.reshape(headers.read_bytes(contents, start, 4 * count), [-1, 4])[:, 2::-1]
    # Without a palette of its own an index is a shade of gray.
    indices = tf.cast(tf.io.decode_bmp(contents)[..., 0], tf.int32)
    palette = headers.require(
        palette, (tf.reduce_max(indices) < tf.shape(palette)[0], "corrupt BMP: palette too short")
    )
    return tf.cast(tf.gather(palette, indices), tf.uint8)
