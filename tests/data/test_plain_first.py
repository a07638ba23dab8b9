"""map_images on batches of all kinds of files: each image as if it were alone."""

import contextlib
import functools

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.decode import decode_near_size
from mtl_lowres.data.plain_first import map_images
from tests.ugly_files import encode, exif_rotated, photo, ugly_contents

SIZE, IN_FULL = (4, 4), (None, 4)


def sum_up(image, item):
    """A result that tells the pixels, the size they were decoded at, and the item."""
    sides = tf.cast(tf.shape(image)[:2], tf.float32)
    return tf.stack([tf.reduce_sum(image), *tf.unstack(sides), tf.cast(item[1], tf.float32)])


@functools.lru_cache
def mapper(near_size):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def mapped(contents):
        return map_images(
            sum_up,
            (contents, tf.range(tf.shape(contents)[0])),
            [4],
            contents_of=lambda item: item[0],
            near_size=near_size,
            parallel_calls=2,
        )

    return mapped


@pytest.fixture(scope="module")
def files():
    """JPEGs of every scale, a turned one, other formats, and what is no image."""
    plain = [encode(photo(height, 90), "JPEG") for height in (70, 7, 20, 40, 66)]
    return [*plain, exif_rotated(photo(70, 90), 6), *(c for c, _ in ugly_contents().values())]


@pytest.mark.parametrize("near_size", [IN_FULL, SIZE])
def test_each_image_is_as_alone(files, near_size):
    """Whichever comes first and so is what all are taken for."""
    expected = {}
    for contents in files:
        with contextlib.suppress(tf.errors.OpError):
            expected[contents] = decode_near_size(contents, near_size)
    for start in range(8):
        batch = files[start:] + files[:start]
        values, ok = mapper(near_size)(tf.constant(batch))
        np.testing.assert_array_equal(ok, [contents in expected for contents in batch])
        for place, contents in enumerate(batch):
            image = expected.get(contents)
            if image is None:
                assert not values[place].numpy().any()
                continue
            np.testing.assert_array_equal(values[place, 1:], [*image.shape[:2], place])
            np.testing.assert_allclose(values[place, 0], tf.reduce_sum(image), rtol=1e-6)


@pytest.mark.parametrize("near_size", [IN_FULL, SIZE])
def test_no_files(near_size):
    values, ok = mapper(near_size)(tf.constant([], tf.string))
    assert values.shape == (0, 4) and ok.shape == (0,)
