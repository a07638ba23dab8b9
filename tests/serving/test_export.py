"""The SavedModel answers in plain TensorFlow what the model answers here."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Identity, Posture
from mtl_lowres.model import build_model
from mtl_lowres.serving.export import export


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    return build_model(
        "lownet",
        {"posture": Posture(3), "identity": Identity(2)},
        (8, 8, 3),
        class_names={"posture": ["stand", "sit", "lie ✓"]},
        degrade="area(8)",
    )


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    return export(model, tmp_path_factory.mktemp("exports") / "a")


@pytest.fixture(scope="module")
def loaded(saved):
    return tf.saved_model.load(str(saved))


def _image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def _png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def test_empty_batch(loaded):
    answers = loaded.signatures["serving_default"](images=tf.zeros([0, 8, 8, 3]))
    assert answers["posture_probabilities"].shape == [0, 3]
    assert answers["posture_label"].shape == [0]


@pytest.mark.parametrize("count", [1, 5])
def test_float_images(model, loaded, count):
    images = tf.random.stateless_uniform([count, 8, 8, 3], [1, 2])
    answers = loaded.signatures["serving_default"](images=images)
    expected = model(images, training=False)
    np.testing.assert_allclose(
        answers["posture_probabilities"], expected["posture"], rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(answers["posture_class"], np.argmax(expected["posture"], -1))
    names = ["stand", "sit", "lie ✓"]
    labels = [label.decode() for label in answers["posture_label"].numpy()]
    assert labels == [names[i] for i in answers["posture_class"]]
    assert [int(label) for label in answers["identity_label"].numpy()] == list(
        answers["identity_class"].numpy()
    )


def test_bytes_of_different_sizes_with_corrupt_items(model, loaded):
    """Good items answer as they do alone; corrupt ones say so and hurt nobody."""
    good = [_image(40, 30), _image(8, 8, 1), _image(33, 65, 2)]
    items = [_png(good[0]), b"", _png(good[1]), _png(good[2])[:-40], b"text", _png(good[2])]
    answers = loaded.signatures["image_bytes"](image_bytes=tf.constant(items))
    np.testing.assert_array_equal(answers["ok"], [True, False, True, False, False, True])
    recipe = parse_recipe("area(8)")
    low = tf.stack([recipe(tf.constant(image / 255, tf.float32)) for image in good])
    expected = model(low, training=False)["posture"].numpy()
    np.testing.assert_allclose(
        answers["posture_probabilities"].numpy()[[0, 2, 5]], expected, rtol=1e-5
    )
    assert not answers["posture_probabilities"].numpy()[[1, 3, 4]].any()
    assert list(answers["posture_label"].numpy()[[1, 3, 4]]) == [b"", b"", b""]


@pytest.mark.parametrize("items", [[], [b"bad"]])
def test_requests_without_a_good_item(loaded, items):
    answers = loaded.signatures["image_bytes"](image_bytes=tf.constant(items, tf.string))
    assert answers["ok"].shape == [len(items)] and not answers["ok"].numpy().any()


@pytest.fixture(scope="module")
def noisy(model, tmp_path_factory):
    """An export with a random recipe that refuses images of more than 10 x 10 pixels."""
    folder = tmp_path_factory.mktemp("noisy")
    path = export(model, folder, degrade="area(8)|noise(0.1)", max_pixels=100)
    return tf.saved_model.load(str(path)).signatures["image_bytes"]


def test_too_many_pixels_are_refused(noisy):
    items = tf.constant([_png(_image(10, 10)), _png(_image(10, 11))])
    np.testing.assert_array_equal(noisy(image_bytes=items)["ok"], [True, False])


def test_versions_count_up_and_labels_are_written(model, saved):
    assert (saved.name, export(model, saved.parent).name) == ("1", "2")
    labels = json.loads((saved.parent / "2" / "labels.json").read_text(encoding="utf-8"))
    assert labels["degrade"] == "area(8)"
    assert labels["tasks"]["posture"]["classes"] == ["stand", "sit", "lie ✓"]
    assert labels["tasks"]["identity"]["classes"] is None


def test_random_recipe_exports(noisy):
    item = tf.constant([_png(_image(9, 10))])
    first, second = (noisy(image_bytes=item)["posture_probabilities"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("degrade", ["area(9)", "blur(1)"])
def test_recipe_of_another_size_is_refused(model, tmp_path, degrade):
    with pytest.raises(InputError, match="network takes"):
        export(model, tmp_path, degrade=degrade)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_used_leaves_nothing(model, tmp_path):
    """A run with a damaged file, and a file in the place of the folder."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="metrics.json is damaged"):
        export(model, tmp_path / "out", run=run)
    with pytest.raises(InputError, match="metrics.json is a file: name a folder"):
        export(model, run / "metrics.json")
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "metrics.json"]


def test_answers_without_this_package(saved):
    """A Python that cannot import mtl_lowres loads the export and answers."""
    program = (
        "import sys; sys.modules['mtl_lowres'] = None\n"
        "import tensorflow as tf\n"
        f"serve = tf.saved_model.load({str(saved)!r}).signatures['image_bytes']\n"
        "print(serve(image_bytes=tf.constant([b'no image']))['ok'].numpy())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[False]", done.stderr
