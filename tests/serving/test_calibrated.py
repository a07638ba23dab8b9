"""A calibration changes what is predicted and exported, as the file's resolution asks."""

import json

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.evaluation.calibration import apply_temperature
from mtl_lowres.serving.calibrated import calibrated_output, shorter_side, value_for
from mtl_lowres.serving.embedding import verify_function
from mtl_lowres.serving.encoded import EncodedFiles
from mtl_lowres.serving.predictor import Predictor
from tests.serving.conftest import CALIBRATION, TEMPERATURES
from tests.toy_people import outputs_for, unit_embeddings, write_image

# Shorter sides 20, 8, 7 and 3: the last is below all calibrated sizes.
SIZES = [(20, 30), (9, 8), (7, 40), (3, 3)]
EXPECTED = [2.0, 2.0, 5.0, 5.0]


@pytest.fixture
def model(calibrated_model):
    return calibrated_model


@pytest.fixture
def loaded(calibrated_export):
    return calibrated_export


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("größen"), np.random.default_rng(0)
    return [
        write_image(folder / f"ä {place}.png", random.integers(0, 255, (*size, 3), np.uint8))
        for place, size in enumerate(SIZES)
    ]


@pytest.fixture(scope="module")
def calibrated(calibrated_model, files):
    """Probabilities at the temperatures that the files' sizes ask for."""
    plain = np.concatenate([outputs_for(calibrated_model, [path])["posture"] for path in files])
    return apply_temperature(plain, EXPECTED)


def test_the_largest_size_not_above_the_image_holds():
    sides = tf.constant([0, 3, 4, 7, 8, 1000])
    values = value_for(TEMPERATURES, "temperature", sides)
    assert values.numpy().tolist() == [5, 5, 5, 5, 2, 2]


def test_only_probabilities_change(model):
    output = tf.constant([[0.7, 0.2, 0.1, 33.0, -4.0]])
    after = calibrated_output(model, "posture", output, tf.constant([8])).numpy()
    assert after[0, :3] == pytest.approx(apply_temperature([[0.7, 0.2, 0.1]], 2)[0], rel=1e-5)
    assert after[0, 3:].tolist() == [33, -4]


def test_exact_zeros_stay_finite(model):
    output = tf.constant([[1.0, 0.0, 0.0]])
    after = calibrated_output(model, "posture", output, tf.constant([8])).numpy()
    assert np.isfinite(after).all() and after.sum() == pytest.approx(1)


def test_shorter_side(files, tmp_path):
    assert [shorter_side(path) for path in files] == [20, 8, 7, 3]
    np.save(tmp_path / "clip.npy", np.zeros((5, 11, 12, 3), np.uint8))
    jpeg = tf.io.encode_jpeg(np.zeros((21, 13, 3), np.uint8)).numpy()
    (tmp_path / "é.jpg").write_bytes(jpeg)
    assert shorter_side(tmp_path / "clip.npy") == 11
    assert shorter_side(tmp_path / "é.jpg") == 13


def test_predict(model, files, calibrated):
    answers = list(Predictor(model).answers([*files, "gone.png"]))
    assert [answer.get("calibrated") for answer in answers] == [True] * 4 + [None]
    confidences = [answer["posture"]["confidence"] for answer in answers[:4]]
    assert confidences == pytest.approx(calibrated.max(axis=1), rel=1e-4)


def test_predict_without_a_calibration(model, files, monkeypatch):
    monkeypatch.delitem(model.description, "calibration")
    (answer,) = Predictor(model).answers(files[:1])
    assert answer["calibrated"] is False
    plain = outputs_for(model, files[:1])["posture"].max()
    assert answer["posture"]["confidence"] == pytest.approx(plain, rel=1e-4)


def test_export_answers_as_predict(loaded, files, calibrated):
    serve = loaded[1].signatures["image_bytes"]
    answers = serve(image_bytes=tf.constant([path.read_bytes() for path in files]))
    np.testing.assert_allclose(answers["posture_probabilities"], calibrated, rtol=1e-4)


def test_float_images_are_of_the_size_that_the_network_sees(model, loaded):
    images = tf.random.stateless_uniform([3, 8, 8, 3], [1, 2])
    answers = loaded[1].signatures["serving_default"](images=images)
    outputs = model(images, training=False)
    expected = apply_temperature(outputs["posture"].numpy(), 2)
    np.testing.assert_allclose(answers["posture_probabilities"], expected, rtol=1e-4)
    np.testing.assert_allclose(answers["face_embedding"], outputs["face"], rtol=1e-4, atol=1e-6)


def test_labels_tell_of_it(loaded):
    labels = json.loads((loaded[0] / "labels.json").read_text(encoding="utf-8"))
    assert labels["calibration"] == CALIBRATION
    assert labels["tasks"]["face"] == {"embedding": 6}


def test_verify(model, loaded, files):
    """The threshold is that of the smaller image; -0.99 at 4 x 4 accepts nearly everything."""
    contents = [path.read_bytes() for path in files]
    first = [contents[0], contents[0], contents[0], contents[2], b"broken"]
    second = [contents[0], contents[1], contents[3], contents[0], contents[0]]
    answers = loaded[1].signatures["verify"](first=tf.constant(first), second=tf.constant(second))
    unit = np.concatenate([unit_embeddings(model, [path]) for path in files])
    cosines = [1, unit[0] @ unit[1], unit[0] @ unit[3], unit[2] @ unit[0], 0]
    np.testing.assert_allclose(answers["similarity"], cosines, atol=1e-4)
    assert answers["ok"].numpy().tolist() == [True] * 4 + [False]
    expected = [bool(cosine >= 0.9) for cosine in cosines[:2]] + [True, True, False]
    assert answers["same"].numpy().tolist() == expected


def test_verify_of_nobody(loaded):
    nobody = tf.constant([], tf.string)
    answers = loaded[1].signatures["verify"](first=nobody, second=nobody)
    assert all(answer.shape == [0] for answer in answers.values())


def test_without_a_threshold_nothing_is_verified(model, monkeypatch):
    files = EncodedFiles(parse_recipe("area(8)"), (8, 8, 3), None, 100)
    assert verify_function(model, files) is not None
    monkeypatch.setitem(model.description, "calibration", {})
    assert verify_function(model, files) is None
