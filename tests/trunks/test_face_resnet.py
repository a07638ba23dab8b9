"""The face network: its layout, its weights file, and faces that it tells apart."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.datasets.alignment import align_face, read_landmarks
from mtl_lowres.errors import InputError
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.face_blocks import FACE_RESNET_BLOCKS, PadChannels
from mtl_lowres.trunks.face_resnet import face_resnet

SHAPE = (103, 103, 3)
PAIRS = 12


@pytest.fixture(scope="module")
def embedding():
    return face_resnet(SHAPE)


def _image(shape=SHAPE, count=2):
    return np.random.default_rng(0).random((count, *shape), np.float32)


def _trainable_blocks(model):
    return {weight.name.split("/")[0] for weight in model.trainable_variables}


def _archive(model):
    """Return what a weights file of float tensors holds, for `model` with scale 2, offset 1."""
    arrays = {"fc": model.get_layer("face_resnet_fc").kernel.numpy()}
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Conv2D):
            block, _, convolution = layer.name.removeprefix("face_resnet_").rpartition("_")
            key = block if block == "conv32_down" else f"{block}/{convolution}"
            kernel, bias = layer.get_weights()
            arrays[f"{key}/conv/filters"], arrays[f"{key}/conv/bias"] = kernel, bias
            arrays[f"{key}/scale/weights"] = np.full_like(bias, 2.0)
            arrays[f"{key}/scale/biases"] = np.full_like(bias, 1.0)
    return arrays


def test_parameters_and_widths(embedding):
    """5,574,720 in 29 convolutions, folded, and 256 * 128; pooled has 2 * 640 statistics."""
    convolutions = 7 * 7 * 3 * 32 + 32 + 6 * (9 * 32 * 32 + 32)
    for width, before, count in ((64, 32, 8), (128, 64, 6), (256, 128, 8)):
        convolutions += 9 * before * width + width + (count - 1) * (9 * width * width + width)
    assert embedding.count_params() == convolutions + 256 * 128 == 5_607_488
    assert embedding.output_shape == (None, 128)
    pooled = face_resnet(SHAPE, features="pooled")
    assert pooled.count_params() == convolutions + 2 * 640
    assert pooled.output_shape == (None, 128 + 256 + 256)


def test_sides_of_the_maps():
    """150: 72 after 7x7 stride 2, 35 after max-pooling, then halved and rounded down."""
    model = face_resnet((150, 150, 3))
    sides = {
        block: model.get_layer(f"face_resnet_{block}_relu2").output_shape[1:]
        for block in (FACE_RESNET_BLOCKS[1:])
    }
    assert sides["conv32_3"] == (35, 35, 32)
    assert sides["conv64_3"] == (17, 17, 64)
    assert sides["conv128_2"] == (8, 8, 128)
    assert sides["conv256_2"] == (4, 4, 256)
    assert sides["conv256_down_out"] == (2, 2, 256)


def test_a_small_image_is_enlarged():
    small, large = face_resnet((16, 16, 3)), face_resnet(SHAPE)
    large.set_weights(small.get_weights())
    images = _image((16, 16, 3))
    enlarged = tf.image.resize(images, (103, 103), "bicubic")
    np.testing.assert_allclose(small(images), large(enlarged), rtol=1e-4, atol=1e-4)
    assert face_resnet((16, 32, 3)).get_layer("face_resnet_enlarged").output_shape[1:3] == (
        103,
        206,
    )


def test_grey_is_repeated(embedding):
    grey = face_resnet((*SHAPE[:2], 1))
    grey.set_weights(embedding.get_weights())
    images = _image((*SHAPE[:2], 1))
    expected = embedding(np.repeat(images, 3, axis=-1))
    np.testing.assert_allclose(grey(images), expected, rtol=1e-4, atol=1e-4)


def test_pad_channels():
    padded = PadChannels(5)(tf.ones([1, 2, 2, 3])).numpy()
    np.testing.assert_array_equal(padded[0, 1, 1], [1, 1, 1, 0, 0])


def test_blocks_before_trainable_from_stay():
    model = face_resnet(SHAPE, trainable_from="conv256_down_out")
    assert _trainable_blocks(model) == {
        "face_resnet_conv256_down_out_conv1",
        "face_resnet_conv256_down_out_conv2",
        "face_resnet_fc",
    }


def test_all_blocks_learn_otherwise(embedding):
    assert len(_trainable_blocks(embedding)) == 29 + 1


def test_scale_and_offset_are_multiplied_in(embedding, tmp_path):
    """conv * 2 + 1 is a convolution with twice the kernel and with twice the bias plus 1."""
    path = tmp_path / "gewichte größe.npz"
    np.savez(path, **_archive(embedding))
    loaded = face_resnet(SHAPE, weights=str(path))
    for layer, source in zip(loaded.layers, embedding.layers, strict=True):
        if isinstance(layer, tf.keras.layers.Conv2D):
            np.testing.assert_allclose(layer.kernel, 2 * source.kernel, rtol=1e-6)
            np.testing.assert_allclose(layer.bias, 2 * source.bias + 1, rtol=1e-6)


def test_tensors_of_8_bits(embedding, tmp_path):
    """Value = q * scale + min: 0, 128 and 255 with 0.5 and -64 are -64, 0 and 63.5."""
    arrays = _archive(embedding)
    arrays["fc"] = np.resize(np.array([0, 128, 255], np.uint8), (256, 128))
    np.savez(tmp_path / "q.npz", **arrays, **{"fc:scale_min": np.array([0.5, -64.0])})
    loaded = face_resnet(SHAPE, weights=str(tmp_path / "q.npz"))
    kernel = loaded.get_layer("face_resnet_fc").kernel.numpy()
    np.testing.assert_array_equal(kernel.ravel()[:3], [-64, 0, 63.5])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda arrays: arrays.pop("conv64_1/conv2/scale/weights"), "conv64_1/conv2/scale/weights"),
        (lambda arrays: arrays.update(fc=np.zeros((128, 256))), "fc"),
    ],
)
def test_another_networks_weights_are_refused(embedding, tmp_path, change, reason):
    arrays = _archive(embedding)
    change(arrays)
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(InputError, match=rf"other.npz does not fit .*{reason}"):
        face_resnet(SHAPE, weights=str(tmp_path / "other.npz"))


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="none.npz is missing"):
        face_resnet(SHAPE, weights=str(tmp_path / "none.npz"))
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="damaged.npz does not fit"):
        face_resnet(SHAPE, weights=str(tmp_path / "damaged.npz"))


@pytest.mark.parametrize(
    "options",
    [{"features": "all"}, {"trainable_from": "conv512"}, {"dropout": 1.0}],
)
def test_unusable_options_are_named(options):
    (name,) = options
    with pytest.raises(InputError, match=name):
        face_resnet(SHAPE, **options)


def test_four_channels_are_refused():
    with pytest.raises(InputError, match="1 or 3 channels"):
        face_resnet((103, 103, 4))


def test_registered():
    assert TRUNKS.get("face_resnet") is face_resnet


def test_tells_faces_apart(data_dir):
    """Distances of the first 12 same and different pairs of LFW: at most one on the wrong side."""
    network = face_resnet((150, 150, 3), weights=str(data_dir / "weights" / "face_resnet"))
    rows = (data_dir / "lfw" / "pairs.txt").read_text(encoding="utf-8").splitlines()[1:]
    rows = [row.split("\t") for row in rows[:PAIRS] + rows[300 : 300 + PAIRS]]
    points = read_landmarks(data_dir / "lfw" / "landmarks.csv")

    def embed(faces):
        paths = [f"{person}/{person}_{int(number):04}.jpg" for person, number in faces]
        images = [cv2.imread(str(data_dir / "lfw" / "images" / path)) for path in paths]
        chips = [align_face(im, points[p])[:, :, ::-1] for im, p in zip(images, paths, strict=True)]
        return network.predict(np.float32(chips) / 255, verbose=0)

    # A row is "person, number, number" or "person, number, other person, number".
    first = embed([(row[0], row[1]) for row in rows])
    second = embed([(row[-2] if len(row) == 4 else row[0], row[-1]) for row in rows])
    distances = np.linalg.norm(first - second, axis=1)
    assert np.sum((distances < 0.6) != (np.arange(2 * PAIRS) < PAIRS)) <= 1
