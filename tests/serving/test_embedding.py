"""The signature for clients who want vectors: whose they are, and what is in every signature."""

import json

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.heads import Posture
from mtl_lowres.serving.export import export
from mtl_lowres.serving.warmup import read_warmup
from tests.serving.saved_graph import operations, unwanted
from tests.toy_people import WIDTH, people_model, toy_trunk, unit_embeddings, write_image

BAD = b"\x89PNG no image"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("größen"), np.random.default_rng(3)
    return [
        write_image(folder / f"ä {place}.png", random.integers(0, 255, (*size, 3), np.uint8))
        for place, size in enumerate([(20, 30), (8, 8), (40, 7)])
    ]


@pytest.fixture
def saved(calibrated_export):
    return calibrated_export[0]


@pytest.fixture
def signatures(calibrated_export):
    return calibrated_export[1].signatures


@pytest.fixture(scope="module")
def trunk_alone(tmp_path_factory):
    """A model none of whose heads embeds, its version folder and what is loaded from there."""
    with toy_trunk():
        model = people_model(heads={"posture": Posture(3)})
    path = export(model, tmp_path_factory.mktemp("exports") / "b")
    return model, path, tf.saved_model.load(str(path))


def test_they_are_the_vectors_that_verify_compares(calibrated_model, signatures, files):
    """A broken item between good ones is zeros and not ok."""
    contents = [files[0].read_bytes(), BAD, files[1].read_bytes(), files[2].read_bytes()]
    answers = signatures["embedding"](image_bytes=tf.constant(contents))
    assert set(answers) == {"embedding", "ok"}
    assert answers["ok"].numpy().tolist() == [True, False, True, True]
    vectors = answers["embedding"].numpy()
    assert vectors.shape == (4, 2 * WIDTH) and vectors.dtype == np.float32
    assert not vectors[1].any()
    expected = np.concatenate([unit_embeddings(calibrated_model, [path]) for path in files])
    np.testing.assert_allclose(vectors[[0, 2, 3]], expected, atol=1e-5)
    pairs = signatures["verify"](
        first=tf.constant(contents), second=tf.constant(contents[1:] + contents[:1])
    )
    cosines = (vectors * np.roll(vectors, -1, axis=0)).sum(axis=1)
    np.testing.assert_allclose(pairs["similarity"], cosines, atol=1e-6)


def test_without_a_head_that_embeds_they_are_the_features_of_the_trunk(trunk_alone, files):
    model, saved, loaded = trunk_alone
    contents = [path.read_bytes() for path in files]
    image = tf.io.decode_png(contents[1])[tf.newaxis]
    features = model.trunk(tf.cast(image, tf.float32) / 255, training=False).numpy()[0]
    answers = loaded.signatures["embedding"](image_bytes=tf.constant([contents[1], BAD]))
    np.testing.assert_allclose(
        answers["embedding"][0], features / np.linalg.norm(features), atol=1e-5
    )
    assert not answers["embedding"][1].numpy().any()
    labels = json.loads((saved / "labels.json").read_text(encoding="utf-8"))
    assert labels["embedding"] == {"of": "trunk", "mirrored": False, "width": 12}
    assert "calibration" not in labels and "verify" not in loaded.signatures


def test_no_head_is_computed_for_the_features_of_the_trunk(trunk_alone):
    """The head's layers are called after the task."""
    _, _, loaded = trunk_alone
    taken = {variable.name for variable in loaded.signatures["embedding"].graph.variables}
    assert taken and not [name for name in taken if name.startswith("posture")]


def test_labels_say_whose_they_are(saved):
    labels = json.loads((saved / "labels.json").read_text(encoding="utf-8"))
    assert labels["embedding"] == {"of": "face", "mirrored": True, "width": 2 * WIDTH}


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_nothing_good(signatures, count):
    answers = signatures["embedding"](image_bytes=tf.constant([BAD] * count, tf.string))
    assert answers["embedding"].shape == [count, 2 * WIDTH]
    assert not answers["ok"].numpy().any()


def test_every_batch_dimension_is_free(signatures):
    assert set(signatures) == {"serving_default", "image_bytes", "embedding", "verify"}
    for signature in signatures.values():
        inputs = signature.structured_input_signature[1].values()
        for tensor in [*inputs, *signature.structured_outputs.values()]:
            assert tensor.shape.rank >= 1 and tensor.shape[0] is None


def test_nothing_in_it_needs_python_or_xla(saved):
    assert {"DecodeJpeg", "DecodePng", "MatMul"} <= operations(saved)
    assert unwanted(saved) == []


def test_what_a_server_could_not_run_is_found(tmp_path):
    """The search above is worth something: it finds these three."""

    def answer(x):
        compiled = tf.function(lambda y: y + 1, jit_compile=True)(x)
        return {"y": tf.py_function(lambda y: y, [compiled], tf.float32)}

    module = tf.Module()
    module.answer = tf.function(answer, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path), signatures=module.answer)
    found = unwanted(tmp_path)
    assert "EagerPyFunc" in found and len(found) == 2


def test_the_server_warms_it_up(saved):
    records = read_warmup(saved)
    assert len(records) == 2 * 4
    assert sum(b"\x1a\x09embedding" in record for record in records) == 2
