"""The trunk of our own: size, views, and options that cannot be used."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model
from mtl_lowres.trunks import steadynet

IMAGES = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)


def test_fewer_parameters_than_lownet():
    model = build_model("steadynet", {"posture": Posture(38)}, (16, 16, 3))
    assert model.count_params() == 349_342 <= 366_246


def test_features_are_the_mean_over_five_shifts():
    """The same weights without views, given each shifted image, average to the same features."""
    averaged, plain = steadynet((16, 16, 3)), steadynet((16, 16, 3), view_shift=0)
    plain.set_weights(averaged.get_weights())
    padded = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    places = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    views = [plain(padded[:, y : y + 16, x : x + 16]) for y, x in places]
    np.testing.assert_allclose(averaged(IMAGES), np.mean(views, axis=0), rtol=1e-4, atol=1e-6)


def test_training_sees_the_image_alone():
    averaged = steadynet((16, 16, 3), dropout=0.0)
    plain = steadynet((16, 16, 3), dropout=0.0, view_shift=0)
    plain.set_weights(averaged.get_weights())
    np.testing.assert_allclose(averaged(IMAGES, training=True), plain(IMAGES), rtol=1e-5, atol=1e-6)
    assert not tf.reduce_all(averaged(IMAGES) == plain(IMAGES))


@pytest.mark.parametrize(
    "options", [{"filters": (1, 2)}, {"units": ()}, {"dropout": 1.0}, {"view_shift": -1}]
)
def test_unusable_options_are_named(options):
    (name,) = options
    with pytest.raises(InputError, match=name):
        steadynet((16, 16, 3), **options)
