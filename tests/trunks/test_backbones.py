"""Backbones: shapes, the scaling that weights expect, weights files, and one real check."""

import functools

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.trunks import list_backbones
from mtl_lowres.trunks.backbones import build_backbone, efficientnet_lite0_classifier

FRAMES = np.random.default_rng(0).random((2, 64, 48, 3), np.float32)
# Channels of the map and parameters. Those of EfficientNet are its published notop counts less
# what the cut drops: 4,049,564 - (320 + 4) * 1280 for B0.
TABLE = {
    "efficientnet_b0": (320, 3_634_844),
    # 4,694,024 with head; less (320 + 4) * 1280 and 1281 * 1000
    "efficientnet_lite0": (320, 2_998_304),
    "efficientnet_lite0(top=True)": (1280, 3_413_024),
    "lownet": (128, 93_248),
    "mobilenet_v2": (1280, 2_257_984),
    "mobilenet_v2(alpha=0.35)": (1280, 410_208),
    # 448 + 4,640 + 18,496
    "steadynet": (64, 23_584),
}
SMALL = ("lownet", "steadynet")


@functools.cache
def _backbone(text):
    return build_backbone(text, FRAMES.shape[1:])


def test_every_backbone_is_here():
    others = {f"efficientnet_b{version}" for version in range(1, 8)}  # all built by one function
    assert set(list_backbones()) == {text.split("(")[0] for text in TABLE} | others


@pytest.mark.parametrize("text", TABLE)
def test_maps_and_parameters(text):
    model = _backbone(text)
    channels, parameters = TABLE[text]
    size = (16, 12) if text in SMALL else (2, 2)
    maps = model(FRAMES).numpy()
    assert maps.shape == (2, *size, channels)
    assert np.isfinite(maps).all()
    assert model.count_params() == parameters


def test_grey_is_repeated_for_networks_of_colour():
    of_colour = _backbone("mobilenet_v2(alpha=0.35)")
    of_grey = build_backbone("mobilenet_v2(alpha=0.35)", (64, 48, 1))
    of_grey.set_weights(of_colour.get_weights())
    grey = FRAMES[..., :1]
    np.testing.assert_allclose(of_grey(grey), of_colour(np.repeat(grey, 3, -1)), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "mean", "deviation"),
    [
        # The package's own preprocess_input, in its mode "torch".
        (
            "efficientnet_b0",
            np.array([123.675, 116.28, 103.53]),
            np.array([58.395, 57.12, 57.375]),
        ),
        ("efficientnet_lite0", 127.0, 128.0),
        ("mobilenet_v2(alpha=0.35)", 127.5, 127.5),
    ],
)
def test_frames_are_scaled_as_the_weights_expect(text, mean, deviation):
    scaled = _backbone(text).get_layer("normalise")(FRAMES)
    np.testing.assert_allclose(scaled, (255 * FRAMES - mean) / deviation, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weights", ["imagenet", "noisy-student"])
def test_without_a_network_the_file_to_give_is_named(weights, monkeypatch):
    def no_network(*args, **kwargs):
        raise Exception("URL fetch failure: None\nName or service not known")

    monkeypatch.setattr(tf.keras.utils, "get_file", no_network)
    pattern = r"'efficientnet_b0' cannot be fetched \(URL fetch failure: None\).*b0.*notop.h5"
    with pytest.raises(InputError, match=pattern) as caught:
        build_backbone("efficientnet_b0", (32, 32, 3), weights=weights)
    assert "\n" not in str(caught.value)


def test_weights_from_a_file(tmp_path):
    text = "mobilenet_v2(alpha=0.35)"
    path = tmp_path / "gewichte größe.h5"
    source = tf.keras.applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, weights=None)
    source.save_weights(path)
    model = build_backbone(text, (32, 32, 3), weights=str(path))
    for stored, loaded in zip(source.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(stored, loaded)
    with pytest.raises(InputError, match="does not fit backbone 'mobilenet_v2'.*1.0_224_no_top.h5"):
        build_backbone("mobilenet_v2", (32, 32, 3), weights=str(path))


@pytest.mark.parametrize("text", ["efficientnet_b0", "mobilenet_v2", "efficientnet_lite0"])
def test_a_missing_file_is_named(text, tmp_path):
    missing = str(tmp_path / "none.h5")
    with pytest.raises(InputError, match="none.h5"):
        build_backbone(text, (32, 32, 3), weights=missing)


def test_damaged_or_foreign_archives_are_named(tmp_path):
    truncated, foreign = tmp_path / "truncated.npz", tmp_path / "foreign.npz"
    np.savez(foreign, kernel=np.zeros(1000))
    truncated.write_bytes(foreign.read_bytes()[:200])
    for path in (truncated, foreign):
        with pytest.raises(InputError, match=f"{path.name} does not fit.*imagenet_keras_layout"):
            build_backbone("efficientnet_lite0", (32, 32, 3), weights=str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet50", "unknown backbone 'resnet50'"),
        ("lownet|steadynet", "write one name"),
        ("mobilenet_v2(0.35)", "options by name"),
        ("mobilenet_v2(beta=1)", "no option 'beta': it has alpha"),
        ("efficientnet_b0(name='x')", "no option 'name': it has none"),
        ("efficientnet_lite0(drop_connect=1)", "drop_connect=1"),
        ("steadynet(filters=(8, 16))", r"filters=\(8, 16\)"),
    ],
)
def test_a_wrong_text_is_quoted(text, message):
    with pytest.raises(InputError, match=message):
        build_backbone(text, (32, 32, 3))


@pytest.mark.parametrize("text", SMALL)
def test_small_backbones_have_no_published_weights(text):
    with pytest.raises(InputError, match="weights='imagenet'.*no published weights"):
        build_backbone(text, (16, 16, 3), weights="imagenet")


@pytest.mark.parametrize(
    ("shape", "message"), [((16, 40, 3), "32 pixels"), ((32, 32, 4), "1 or 3")]
)
def test_frames_that_cannot_be_used(shape, message):
    with pytest.raises(InputError, match=message):
        build_backbone("efficientnet_b0", shape)


def test_lite0_recognises_imagenet(data_dir):
    folder = data_dir / "imagenet_sample"
    labels = pd.read_csv(folder / "labels.csv")
    images = np.stack([cv2.imread(str(folder / file))[..., ::-1] for file in labels["file"]])
    model = efficientnet_lite0_classifier(str(data_dir / "weights" / "efficientnet_lite0"))
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == 4_652_008  # as published
    found = model.predict(images.astype(np.float32) / 255, batch_size=25, verbose=0).argmax(-1)
    assert np.mean(found == labels["class_index"]) >= 0.85
