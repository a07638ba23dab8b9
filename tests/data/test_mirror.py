import numpy as np

from mtl_lowres.data.mirror import mirror_images

RNG = np.random.default_rng(0)


def test_images_and_clips_are_reversed_from_left_to_right():
    for shape in ((2, 4, 5, 3), (2, 3, 4, 5, 3), (2, 4, 6, 5)):
        images = RNG.random(shape, np.float32)
        np.testing.assert_array_equal(mirror_images(images), np.flip(images, axis=-2))


def test_what_went_right_goes_left():
    """Flow is encoded with 0.5 for none: 0.75 to the right becomes 0.25; down stays."""
    clip = np.full((1, 2, 4, 4, 5), 0.75, np.float32)
    clip[..., 4] = 0.9
    mirrored = mirror_images(clip).numpy()
    np.testing.assert_array_equal(mirrored[..., 3], 0.25)
    np.testing.assert_array_equal(mirrored[..., 4], clip[..., 4])
    np.testing.assert_allclose(mirror_images(mirrored), clip, atol=1e-7)


def test_top_and_bottom():
    """Flow is encoded with 0.5 for none: 0.75 downwards becomes 0.25; right stays."""
    images = RNG.random((2, 4, 5, 3), np.float32)
    np.testing.assert_array_equal(mirror_images(images, vertical=True), images[:, ::-1])
    clip = RNG.random((2, 3, 4, 6, 5), np.float32)
    expected = clip[:, :, ::-1].copy()
    expected[..., 4] = 1 - expected[..., 4]
    np.testing.assert_array_equal(mirror_images(clip, vertical=True), expected)


def test_stored_features_stay():
    units = RNG.random((2, 3, 8), np.float32)
    assert mirror_images(units) is units
