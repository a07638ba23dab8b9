"""The short way for plain JPEGs gives what the way for all files gives, or gives up."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.decode import MAX_PIXELS, decode_image, decode_near_size
from mtl_lowres.data.jpeg import decode_plain_jpeg, is_plain_jpeg
from tests.ugly_files import encode, exif_rotated, photo


@pytest.mark.parametrize(
    ("options", "mode"),
    [({}, "RGB"), ({"progressive": True}, "RGB"), ({"comment": b"by hand"}, "RGB"), ({}, "L")],
)
def test_plain_jpegs(options, mode):
    assert is_plain_jpeg(encode(photo().convert(mode), "JPEG", **options))


def test_what_is_no_plain_jpeg():
    others = [b"", b"\xff\xd8", encode(photo(), "PNG"), exif_rotated(photo(), 1)]
    others.append(encode(photo(), "JPEG", icc_profile=bytes(3000)))
    assert not any(is_plain_jpeg(contents) for contents in others)


@pytest.mark.parametrize("height", [9, 50, 70, 130])
def test_exactly_one_reduction_is_right(height):
    """Of 9, 50, 70 and 130 pixels 16 remain at full, half, quarter and eighth scale at best."""
    contents = encode(photo(height, 140), "JPEG")
    right = [9, 50, 70, 130].index(height)
    expected = decode_near_size(contents, (8, 3))
    for reduction in range(4):
        options = {"reduction": reduction, "least_side": 16, "max_pixels": MAX_PIXELS}
        if reduction == right:
            np.testing.assert_array_equal(decode_plain_jpeg(contents, **options), expected)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError, match="another scale"):
                decode_plain_jpeg(contents, **options)


def test_without_a_least_side_it_is_decoded_in_full():
    contents = encode(photo(130, 140), "JPEG")
    options = {"reduction": 0, "least_side": 0}
    image = decode_plain_jpeg(contents, max_pixels=130 * 140, **options)
    np.testing.assert_array_equal(image, decode_image(contents))
    with pytest.raises(tf.errors.InvalidArgumentError, match="or size"):
        decode_plain_jpeg(contents, max_pixels=130 * 140 - 1, **options)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a plain JPEG"):
        decode_plain_jpeg(encode(photo(), "PNG"), max_pixels=MAX_PIXELS, **options)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_plain_jpeg(contents[:-500], max_pixels=MAX_PIXELS, **options)
