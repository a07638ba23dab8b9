"""Exported clip models answer as the model does on frames that are decoded and degraded here."""

import json

import cv2
import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe, sample_seed
from mtl_lowres.errors import InputError
from mtl_lowres.serving.export import export
from tests.serving.saved_graph import operations, unwanted


def _png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def _low(clip, recipe="area(8)"):
    frames = tf.constant(clip / 255, tf.float32)
    return tf.stack([parse_recipe(recipe)(frame, sample_seed(0, 0, 0)) for frame in frames])


@pytest.fixture(scope="module")
def saved(clip_model, tmp_path_factory):
    return export(clip_model, tmp_path_factory.mktemp("exports") / "clips")


@pytest.fixture(scope="module")
def loaded(saved):
    return tf.saved_model.load(str(saved))


def test_signatures(loaded):
    """A model of clips has no signature that takes single images."""
    assert set(loaded.signatures) == {"serving_default", "clip_bytes", "embedding"}
    for name in ("clip_bytes", "embedding"):
        (spec,) = loaded.signatures[name].structured_input_signature[1].values()
        assert spec.shape.as_list() == [None, 3] and spec.dtype == tf.string


@pytest.mark.parametrize("count", [0, 1, 5])
def test_float_clips(clip_model, loaded, count):
    clips = tf.random.stateless_uniform([count, 3, 8, 8, 3], [1, 2])
    answers = loaded.signatures["serving_default"](clips=clips)
    assert answers["posture_probabilities"].shape == [count, 3]
    assert answers["age_years"].shape == [count]
    if count:
        expected = clip_model(clips, training=False)
        np.testing.assert_allclose(answers["posture_probabilities"], expected["posture"], rtol=1e-5)
        years = clip_model.heads["age"].values(expected["age"].numpy())
        np.testing.assert_allclose(answers["age_years"], years, rtol=1e-5)


def test_age_has_years_and_no_label(loaded):
    answers = loaded.signatures["serving_default"](clips=tf.zeros([1, 3, 8, 8, 3]))
    assert "age_years" in answers
    assert not {"age_label", "age_class", "age_probabilities"} & set(answers)


def test_encoded_frames(clip_model, loaded, clips):
    """Clips of other sizes, one with a broken, one with a missing frame: their own answers only."""
    good = [[_png(frame) for frame in clip] for clip in clips]
    broken = [good[0][0], good[0][1][:-40], good[0][2]]
    missing = [good[0][0], b"", good[0][2]]
    items = [good[0], broken, good[1], missing]
    answers = loaded.signatures["clip_bytes"](clip_bytes=tf.constant(items))
    np.testing.assert_array_equal(answers["ok"], [True, False, True, False])
    outputs = clip_model(tf.stack([_low(clip) for clip in clips]), training=False)
    probabilities = answers["posture_probabilities"].numpy()
    np.testing.assert_allclose(probabilities[[0, 2]], outputs["posture"], rtol=1e-5)
    years = clip_model.heads["age"].values(outputs["age"].numpy())
    np.testing.assert_allclose(answers["age_years"].numpy()[[0, 2]], years, rtol=1e-5)
    assert not probabilities[[1, 3]].any() and not answers["age_years"].numpy()[[1, 3]].any()
    names = ["stand", "sit", "lie ✓"]
    expected = [names[i] for i in np.argmax(outputs["posture"], axis=-1)]
    labels = [label.decode() for label in answers["posture_label"].numpy()]
    assert labels == [expected[0], "", expected[1], ""]


def test_order_of_frames_matters(loaded, clips):
    frames = [_png(frame) for frame in clips[0]]
    answers = loaded.signatures["clip_bytes"](clip_bytes=tf.constant([frames, frames[::-1]]))
    forwards, backwards = answers["posture_probabilities"].numpy()
    assert np.abs(forwards - backwards).max() > 1e-4


def test_frames_of_one_clip_may_differ_in_size(clip_model, loaded, clips):
    mixed = [clips[0][0], clips[1][1], clips[0][2]]
    answers = loaded.signatures["clip_bytes"](clip_bytes=tf.constant([[*map(_png, mixed)]]))
    low = tf.stack([_low(frame[np.newaxis])[0] for frame in mixed])
    expected = clip_model(low[tf.newaxis], training=False)["posture"]
    np.testing.assert_allclose(answers["posture_probabilities"], expected, rtol=1e-5)


def test_embeddings_are_the_features_of_the_trunk(clip_model, loaded, clips):
    """The clip with a broken frame has none."""
    frames = [_png(frame) for frame in clips[1]]
    items = tf.constant([frames, [frames[0], b"?", frames[2]]])
    answers = loaded.signatures["embedding"](clip_bytes=items)
    features = clip_model.trunk(_low(clips[1])[tf.newaxis], training=False).numpy()[0]
    expected = features / np.linalg.norm(features)
    np.testing.assert_allclose(answers["embedding"][0], expected, atol=1e-5)
    assert answers["ok"].numpy().tolist() == [True, False]
    assert not answers["embedding"][1].numpy().any()


def test_requests_without_a_good_clip(loaded):
    serve = loaded.signatures["clip_bytes"]
    assert serve(clip_bytes=tf.zeros([0, 3], tf.string))["ok"].shape == [0]
    assert serve(clip_bytes=tf.constant([["a", "b", "c"]]))["ok"].numpy().tolist() == [False]


@pytest.fixture(scope="module")
def noisy(clip_model, tmp_path_factory):
    """An export with a random recipe that refuses frames of more than 24 x 32 pixels."""
    folder = tmp_path_factory.mktemp("noisy")
    path = export(clip_model, folder, degrade="area(8)|noise(0.1)", max_pixels=24 * 32)
    return tf.saved_model.load(str(path)).signatures["clip_bytes"]


def test_a_random_recipe_draws_once_a_clip(clip_model, noisy, clips):
    """Every frame gets the noise that a single image at the clip's place gets."""
    answers = noisy(clip_bytes=tf.constant([[_png(frame) for frame in clips[0]]]))
    low = _low(clips[0], "area(8)|noise(0.1)")
    expected = clip_model(low[tf.newaxis], training=False)["posture"]
    np.testing.assert_allclose(answers["posture_probabilities"], expected, rtol=1e-5)


def test_too_large_frames_are_refused(noisy):
    small, large = (_png(np.zeros((24, width, 3), np.uint8)) for width in (32, 33))
    ok = noisy(clip_bytes=tf.constant([[small] * 3, [small, small, large]]))["ok"]
    np.testing.assert_array_equal(ok, [True, False])


def test_labels_are_written(saved):
    labels = json.loads((saved / "labels.json").read_text(encoding="utf-8"))
    assert labels["tasks"] == {
        "posture": {"classes": ["stand", "sit", "lie ✓"]},
        "identity": {"classes": None},
        "age": {"unit": "years"},
    }
    assert labels["frames"] == 3 and labels["degrade"] == "area(8)"


def test_recipe_of_another_size_is_refused(clip_model, tmp_path):
    with pytest.raises(InputError, match="network takes"):
        export(clip_model, tmp_path, degrade="area(9)")


def test_nothing_in_it_needs_python_or_xla(saved):
    assert "DecodePng" in operations(saved)
    assert unwanted(saved) == []
