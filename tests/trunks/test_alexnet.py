import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks import alexnet

SHAPE = (63, 63, 3)


def test_parameters_of_the_published_network():
    """61,100,840 of torchvision's less its last layer, 4,097 * 1,000."""
    with tf.Graph().as_default():  # which initialises nothing, so that it is quick
        tf.random.set_seed(0)  # a graph needs one where runs were made deterministic before
        model = alexnet((224, 224, 3))
    assert model.get_layer("alexnet_pool5").output.shape[1:] == (6, 6, 256)
    assert model.count_params() == 61_100_840 - 4_097_000


@pytest.mark.parametrize(("side", "places"), [(63, 1), (112, 2), (16, 1)])
def test_places_that_are_left(side, places):
    model = alexnet((side, side, 3), units=4)
    assert model.get_layer("alexnet_fc1").kernel.shape[0] == places**2 * 256


def test_embedding_and_dropout():
    model = alexnet(SHAPE, units=8, embedding=5, dropout=0.25)
    assert model.output_shape == (None, 5)
    assert model.get_layer("alexnet_dropout1").rate == 0.25
    assert model.get_layer("alexnet_embedding").activation is tf.keras.activations.linear


def test_a_grey_image_is_normalised_as_its_colour_one():
    grey, colour = alexnet((63, 63, 1), units=4), alexnet(SHAPE, units=4)
    colour.set_weights(grey.get_weights())
    images = np.random.default_rng(0).random((2, 63, 63, 1), np.float32)
    np.testing.assert_array_equal(grey(images), colour(np.repeat(images, 3, axis=-1)))
    mean = np.full([1, 63, 63, 3], (0.485, 0.456, 0.406), np.float32)
    layer = colour.get_layer("alexnet_normalised")
    np.testing.assert_allclose(layer(mean), np.zeros_like(mean), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units=0 cannot"),
        ({"embedding": -1}, "embedding=-1 cannot"),
        ({"dropout": 1.0}, "dropout=1.0 cannot"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(InputError, match=message):
        alexnet(SHAPE, **options)


def test_refused_channels():
    with pytest.raises(InputError, match="1 or 3 channels"):
        alexnet((63, 63, 4))
