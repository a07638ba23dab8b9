"""Exported models that take optical flow, and what is said where encoded files cannot be read."""

import json

import cv2
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.commands.serving import export as export_command
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, save_model
from mtl_lowres.serving.encoded import why_not_encoded
from mtl_lowres.serving.export import export
from mtl_lowres.serving.files import read_files
from tests.serving.saved_graph import operations, unwanted


def _model(toy_clip, flow):
    tf.keras.utils.set_random_seed(3)
    clip = f"uniform(3)|{flow}"
    heads = {"posture": Posture(3)}
    return build_model(toy_clip, heads, (3, 8, 8, 5), degrade="area(8)", clip=clip)


@pytest.fixture(scope="module")
def flow_model(toy_clip):
    return _model(toy_clip, "farneback(1)")


@pytest.fixture(scope="module")
def saved(flow_model, tmp_path_factory):
    return export(flow_model, tmp_path_factory.mktemp("exports") / "flow")


@pytest.fixture(scope="module")
def moving():
    """Frames in which a texture goes right, uint8 [3, 24, 32, 3]."""
    texture = np.random.default_rng(0).random((24, 40)).astype(np.float32)
    texture = cv2.normalize(cv2.GaussianBlur(texture, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)
    frames = np.stack([texture[:, 8 - 3 * i : 40 - 3 * i] for i in range(3)])
    return np.repeat(frames[..., np.newaxis], 3, axis=-1).astype(np.uint8)


def test_encoded_clips_are_answered_as_files_are(flow_model, saved, moving, tmp_path):
    """What the package reads from a file, flow by OpenCV, is what the graph makes of its frames."""
    np.save(tmp_path / "bewegt ü.npy", moving)
    (batch,) = read_files(flow_model, [tmp_path / "bewegt ü.npy"])
    clips = batch.samples
    assert clips.shape == (1, 3, 8, 8, 5) and np.ptp(clips[..., 3]) > 0.2
    expected = flow_model(clips, training=False)["posture"]
    loaded = tf.saved_model.load(str(saved))
    assert set(loaded.signatures) == {"serving_default", "clip_bytes", "embedding"}
    frames = [cv2.imencode(".png", frame)[1].tobytes() for frame in moving]
    answers = loaded.signatures["clip_bytes"](
        clip_bytes=tf.constant([frames, frames[:1] * 3, [*frames[:2], b"?"]])
    )
    np.testing.assert_array_equal(answers["ok"], [True, True, False])
    moved, still, _ = answers["posture_probabilities"].numpy()
    np.testing.assert_allclose(moved, expected[0], atol=1e-4)
    assert np.abs(moved - still).max() > 1e-3
    floats = loaded.signatures["serving_default"](clips=clips)
    np.testing.assert_allclose(floats["posture_probabilities"], expected, rtol=1e-5)


def test_its_graph_needs_no_python(saved):
    assert "DecodePng" in operations(saved)
    assert unwanted(saved) == []


def test_flow_by_other_methods_leaves_encoded_clips_out(toy_clip, tmp_path):
    """The command says so, and labels.json."""
    save_model(_model(toy_clip, "dis(2)"), tmp_path / "model")
    arguments = [str(tmp_path / "model"), str(tmp_path / "out")]
    printed = CliRunner().invoke(export_command, arguments, catch_exceptions=False).output
    for name in ("clip_bytes", "embedding"):
        assert f"without the signature {name}: the optical flow of 'uniform(3)|dis(2)'" in printed
    assert set(tf.saved_model.load(str(tmp_path / "out" / "1")).signatures) == {"serving_default"}
    labels = json.loads((tmp_path / "out" / "1" / "labels.json").read_text(encoding="utf-8"))
    assert labels["left_out"]["clip_bytes"].endswith("only farneback has a graph")
    assert labels["frames"] == 3 and labels["degrade"] == "area(8)"


def test_a_recipe_for_files_that_are_not_read_is_refused(toy_clip, tmp_path):
    with pytest.raises(
        InputError, match="'area\\(8\\)' is for encoded files, but the optical flow"
    ):
        export(_model(toy_clip, "stored(2)"), tmp_path, degrade="area(8)")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "shape, clip, reason",
    [
        ((8, 8, 3), None, None),
        ((3, 8, 8, 3), "uniform(3)", None),
        ((3, 8, 8, 5), "uniform(3)|farneback(2)", None),
        ((3, 8, 8, 5), "uniform(3)|stored(2)", "read from files"),
        ((3, 8, 8, 5), None, "takes 5 channels, of which encoded files give 3"),
        ((20, 8192), "units(20, 4096)", "stored features"),
    ],
)
def test_why_encoded_files_cannot_be_read(shape, clip, reason):
    found = why_not_encoded({"input_shape": shape, "clip": clip})
    assert found is None if reason is None else reason in found


def test_a_model_of_stored_features_takes_floats_alone(toy_clip, tmp_path):
    model = build_model(toy_clip, {"posture": Posture(2)}, (4, 6), clip="units(4, 3)")
    path = export(model, tmp_path)
    served = tf.saved_model.load(str(path)).signatures
    assert set(served) == {"serving_default"}
    units = tf.random.stateless_uniform([2, 4, 6], [1, 2])
    answers = served["serving_default"](units=units)["posture_probabilities"]
    np.testing.assert_allclose(answers, model(units, training=False)["posture"], rtol=1e-5)
    labels = json.loads((path / "labels.json").read_text(encoding="utf-8"))
    assert labels["units"] == 4 and "input_height" not in labels
