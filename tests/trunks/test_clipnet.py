"""The clip trunk of our own: stacked frames, views, images, and options that cannot be used."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks.clipnet import clipnet

CLIPS = np.random.default_rng(0).random((3, 8, 16, 16, 3), np.float32)


def test_a_step_sees_successive_frames_and_the_mean_of_the_clip():
    model = clipnet((8, 16, 16, 3), stack=4)
    stacked = tf.keras.Model(model.input, model.get_layer("clipnet_stack_channels").output)(CLIPS)
    assert stacked.shape == (3, 2, 16, 16, 15)
    for step in range(2):
        for frame in range(4):
            np.testing.assert_array_equal(
                stacked[:, step, :, :, 3 * frame : 3 * frame + 3], CLIPS[:, 4 * step + frame]
            )
        np.testing.assert_allclose(stacked[:, step, :, :, 12:], CLIPS.mean(axis=1), rtol=1e-5)


def test_parameters_counted_layer_by_layer():
    # Input norm 4 * 15; convolutions without bias; norms; dense layer of 2x2x96; two GRUs whose
    # biases are there twice.
    convolutions = 16 * 15 * 24 + 9 * 24 * 48 + 9 * 48 * 96
    norms = 4 * (15 + 24 + 48 + 96)
    expected = convolutions + norms + (384 * 128 + 128) + 2 * 3 * 64 * (128 + 64 + 2)
    assert clipnet((16, 16, 16, 3)).count_params() == expected


def test_the_order_of_the_frames_matters():
    model = clipnet((8, 16, 16, 3))
    assert not np.allclose(model(CLIPS), model(CLIPS[:, ::-1]), atol=1e-4)


def test_an_image_is_a_clip_of_one_frame():
    image, clip = clipnet((16, 16, 3)), clipnet((1, 16, 16, 3))
    clip.set_weights(image.get_weights())
    np.testing.assert_array_equal(image(CLIPS[:, 0]), clip(CLIPS[:, :1]))


def test_features_with_views_do_not_change_when_the_clip_is_turned():
    model = clipnet((8, 16, 16, 3), turned_views=True)
    turned = np.rot90(CLIPS, 1, (2, 3))
    np.testing.assert_allclose(model(turned), model(CLIPS), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model(CLIPS[..., ::-1, :]), model(CLIPS), rtol=1e-4, atol=1e-5)
    assert model.count_params() == clipnet((8, 16, 16, 3)).count_params()


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((10, 16, 16, 3), {"stack": 4}),
        ((8, 16, 16, 3), {"stack": 0}),
        ((8, 16, 16, 3), {"filters": (1, 2)}),
        ((8, 16, 16, 3), {"dropout": 1.0}),
        ((8, 16, 24, 3), {"turned_views": True}),
    ],
)
def test_unusable_options_are_named(shape, options):
    (name,) = options
    with pytest.raises(InputError, match=f"{name}="):
        clipnet(shape, **options)


@pytest.mark.parametrize("shape", [(8, 7, 16, 3), (16, 7, 3)])
def test_refuses_a_clip_that_is_too_small(shape):
    with pytest.raises(InputError, match="at least 8 pixels"):
        clipnet(shape)
