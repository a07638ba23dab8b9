"""Views and their mean against NumPy, and their absence in training."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.layers import MeanOfViews, ShiftedViews

IMAGES = np.random.default_rng(0).random((3, 5, 4, 2), np.float32)


@pytest.mark.parametrize("pixels", [1, 2])
def test_views_are_shifts_with_repeated_border(pixels):
    views = ShiftedViews(pixels)(IMAGES).numpy().reshape(5, *IMAGES.shape)
    p = pixels
    padded = np.pad(IMAGES, ((0, 0), (p, p), (p, p), (0, 0)), "edge")
    expected = [IMAGES, padded[:, : -2 * p, p:-p], padded[:, 2 * p :, p:-p]]
    expected += [padded[:, p:-p, : -2 * p], padded[:, p:-p, 2 * p :]]
    np.testing.assert_array_equal(views, expected)


def test_mean_is_over_the_views_of_one_image():
    features = np.arange(20, dtype=np.float32).reshape(10, 2)  # 5 views of 2 images
    expected = [[(0 + 4 + 8 + 12 + 16) / 5, 9], [10, 11]]
    np.testing.assert_allclose(MeanOfViews(5)(features), expected)


def test_training_passes_through():
    np.testing.assert_array_equal(ShiftedViews()(IMAGES, training=True), IMAGES)
    np.testing.assert_array_equal(MeanOfViews(5)(IMAGES[0, 0], training=True), IMAGES[0, 0])


def test_features_that_ignore_place_are_unchanged():
    """The mean over identical views is the view: a network of global means does not notice."""
    image = tf.keras.Input((5, 4, 2))
    x = ShiftedViews()(image)
    x = tf.keras.layers.GlobalMaxPooling2D()(x)
    model = tf.keras.Model(image, MeanOfViews(5)(x))
    constant = np.broadcast_to(IMAGES[:, :1, :1], IMAGES.shape)
    np.testing.assert_allclose(model(constant), IMAGES[:, 0, 0], rtol=1e-6)
    assert model(constant[:1]).shape == (1, 2)


def test_config_round_trip():
    layer = ShiftedViews.from_config(ShiftedViews(2).get_config())
    assert layer.pixels == 2
