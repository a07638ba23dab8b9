"""The multi-task trunk: the thesis's shapes and parameters, and what each block can see."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks import mtdnn

LIGHT = {"backbone": "steadynet", "filters": 64, "lstm_units": 48, "frame_units": 64}
CLIPS = np.random.default_rng(0).random((3, 4, 16, 16, 3), np.float32)


def _thesis_network(trunk, units, outputs):
    """The trunk with the heads of the released notebooks."""
    answers = []
    for classes in outputs:
        x = tf.keras.layers.Dense(units)(trunk.output)
        x = tf.keras.layers.PReLU()(x)
        x = tf.keras.layers.BatchNormalization()(x)
        x = tf.keras.layers.Dropout(0.5)(x)
        answers.append(tf.keras.layers.Dense(classes)(x))
    return tf.keras.Model(trunk.input, answers)


@pytest.fixture(scope="module")
def thesis_trunk():
    return mtdnn((15, 100, 100, 3))


@pytest.fixture(scope="module")
def light():
    return mtdnn(CLIPS.shape[1:], **LIGHT)


def test_the_thesis_trunk(thesis_trunk):
    """Cut B3 7,932,616 + spatial 469,924 (200,576 + 267,264 + 2 * 18 + 2,048) + LSTM 656,384 +
    attention 16,449 = 9,075,373; B3 makes 4x4 of the swimmers' frames and 7x7 of faces.
    """
    backbone = thesis_trunk.get_layer("mtdnn_backbone")
    assert backbone.output_shape == (None, 4, 4, 384)
    assert backbone.compute_output_shape((None, 198, 198, 3)) == (None, 7, 7, 384)
    assert thesis_trunk.get_layer("mtdnn_spatial_dropout").output_shape == (None, 512)
    assert thesis_trunk.get_layer("mtdnn_temporal_dropout").output_shape == (None, 512)
    assert thesis_trunk.output_shape == (None, 1024)
    assert thesis_trunk.count_params() == 9_075_373


@pytest.mark.parametrize(
    ("units", "outputs", "parameters", "trained"),
    [
        # Faces: gender, race and age.
        (512, (2, 5, 1), 10_661_557, 10_583_221),
        # Swimmers: four actions, four identities. Trained: the published 11.1 million.
        (1024, (4, 4), 11_193_013, 11_113_653),
    ],
)
def test_the_thesis_network(thesis_trunk, units, outputs, parameters, trained):
    """A head has 1024 u + u + u + 4 u + (u + 1) c."""
    network = _thesis_network(thesis_trunk, units, outputs)
    heads = sum(1030 * units + (units + 1) * classes for classes in outputs)
    assert network.count_params() == 9_075_373 + heads == parameters
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == trained


def test_an_image_is_a_clip_of_one_frame():
    of_images, of_clips = mtdnn((16, 16, 3), **LIGHT), mtdnn((1, 16, 16, 3), **LIGHT)
    of_images.set_weights(of_clips.get_weights())
    features = of_images(CLIPS[:, 0])
    np.testing.assert_allclose(features, of_clips(CLIPS[:, :1]), rtol=1e-5, atol=1e-6)


def test_clips_of_a_batch_do_not_mix(light):
    alone = [light(clip[np.newaxis])[0] for clip in CLIPS]
    np.testing.assert_allclose(light(CLIPS), alone, rtol=1e-4, atol=1e-5)


def test_only_the_temporal_block_sees_the_order_of_frames(light):
    forward, backward = light(CLIPS).numpy(), light(CLIPS[:, ::-1]).numpy()
    np.testing.assert_allclose(forward[:, :64], backward[:, :64], rtol=1e-4, atol=1e-5)
    assert np.abs(forward[:, 64:] - backward[:, 64:]).max() > 1e-3


def test_pooled_frames_need_no_dense_layer(light):
    """Without `frame_units` the 1024 x 64 + 64 weights of the dense layer are gone."""
    pooled = mtdnn((4, 16, 16, 3), **{**LIGHT, "frame_units": None})
    assert light.count_params() - pooled.count_params() == 65_600
    assert pooled(CLIPS).shape == (3, 160)


@pytest.mark.parametrize(("temporal", "width"), [("lstm", 160), ("gru", 160), ("none", 64)])
def test_temporal_blocks(temporal, width):
    model = mtdnn((4, 16, 16, 3), **LIGHT, temporal=temporal)
    assert model(CLIPS).shape == (3, width)


def test_features_are_the_mean_over_five_shifts(light):
    averaged = mtdnn((4, 16, 16, 3), **LIGHT, view_shift=1)
    averaged.set_weights(light.get_weights())
    padded = np.pad(CLIPS, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    places = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    views = [light(padded[:, :, y : y + 16, x : x + 16]) for y, x in places]
    np.testing.assert_allclose(averaged(CLIPS), np.mean(views, axis=0), rtol=1e-4, atol=1e-5)


def test_a_frozen_backbone_leaves_only_the_blocks_to_train(light):
    frozen = mtdnn((4, 16, 16, 3), **LIGHT, trainable=False)
    missing = len(light.trainable_weights) - len(frozen.trainable_weights)
    assert missing == len(light.get_layer("mtdnn_backbone").weights) == 6


def test_frozen_batch_norms_ignore_the_batch():
    options = {**LIGHT, "backbone": "efficientnet_lite0(drop_connect=0.0)"}
    model = mtdnn((2, 32, 32, 3), **options, train_batch_norm=False)
    backbone = model.get_layer("mtdnn_backbone")
    before = [weight.numpy() for weight in backbone.non_trainable_weights]
    frames = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    np.testing.assert_allclose(backbone(frames, training=True), backbone(frames), atol=1e-5)
    for old, new in zip(before, backbone.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, new)
    # What is left to train in the backbone are its convolutions: stem, 16 x 2, 15 expansions.
    assert len(backbone.trainable_weights) == 1 + 16 * 2 + 15


def test_attention_weights_start_apart(light):
    first, second = light.get_layer("mtdnn_temporal_attention").get_weights()[:2]
    assert first.shape == second.shape == (48, 32)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "options",
    [
        {"filters": 0},
        {"lstm_units": 1.5},
        {"frame_units": -1},
        {"temporal": "tcn"},
        {"dropout": 1.0},
        {"view_shift": -1},
    ],
)
def test_unusable_options_are_named(options):
    (name,) = options
    with pytest.raises(InputError, match=name):
        mtdnn((4, 16, 16, 3), **{**LIGHT, **options})


def test_small_frames_need_another_backbone_or_recipe():
    with pytest.raises(InputError, match=r"\(16, 16, 3\).*efficientnet_b3.*32 pixels.*steadynet"):
        mtdnn((12, 16, 16, 3))
