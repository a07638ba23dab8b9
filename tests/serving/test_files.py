"""Predictions for files are those of the model on frames that are read and degraded here."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.heads import Age, Posture
from mtl_lowres.model import build_model
from mtl_lowres.serving.predictor import Predictor
from tests.serving.small_files import write_clips, write_noise


@pytest.fixture(scope="module")
def image_model():
    tf.keras.utils.set_random_seed(1)
    heads = {"posture": Posture(3), "age": Age("mse")}
    return build_model("lownet", heads, (8, 8, 3), degrade="area(8)")


def _expected(model, images):
    """Return what the model answers for uint8 [n, h, w, 3], or [n, t, h, w, 3]."""
    images = np.asarray(images)
    frames = tf.constant(images.reshape(-1, *images.shape[-3:]) / 255, tf.float32)
    low = parse_recipe("area(8)")(frames)
    outputs = model(tf.reshape(low, [*images.shape[:-3], 8, 8, 3]), training=False)
    return {task: output.numpy() for task, output in outputs.items()}


def test_images(image_model, tmp_path):
    paths = [tmp_path / f"ä {number}.png" for number in range(70)]  # more than a batch
    images = [write_noise(path, number) for number, path in enumerate(paths)]
    answers = list(Predictor(image_model).answers(paths))
    outputs = _expected(image_model, images)
    years = image_model.heads["age"].values(outputs["age"])
    assert [answer["path"] for answer in answers] == [str(path) for path in paths]
    for answer, probabilities, age in zip(answers, outputs["posture"], years, strict=True):
        assert answer["ok"] is True
        assert answer["posture"]["index"] == probabilities.argmax()
        assert answer["posture"]["confidence"] == pytest.approx(probabilities.max(), rel=1e-4)
        assert answer["age"]["value"] == pytest.approx(age, rel=1e-4)
        assert answer["age"]["unit"] == "years"


# Some of a batch, and all of the batch before it; all there are.
@pytest.mark.parametrize("bad", [(*range(64), 66, 69), range(70)])
def test_bad_files_keep_their_place(image_model, tmp_path, bad):
    paths = [tmp_path / f"{number}.png" for number in range(70)]
    for number, path in enumerate(paths):
        if number in bad:
            path.write_bytes(b"hello")
        else:
            write_noise(path, 0)
    answers = list(Predictor(image_model).answers(paths))
    assert [answer["path"] for answer in answers] == [str(path) for path in paths]
    assert [number for number, answer in enumerate(answers) if not answer["ok"]] == list(bad)
    for number in bad:
        assert "not an image" in answers[number]["error"]


def test_the_same_file_twice(image_model, tmp_path):
    write_noise(tmp_path / "a.png", 0)
    paths = [tmp_path / "a.png", tmp_path / "gone.png"] * 2
    answers = list(Predictor(image_model).answers(paths))
    assert [answer["ok"] for answer in answers] == [True, False, True, False]
    assert answers[0] == answers[2] and answers[1]["error"] == "no such file"


def test_clips(clip_model, tmp_path):
    files = write_clips(tmp_path)
    broken = tmp_path / "broken.avi"
    broken.write_bytes((tmp_path / "vidéo.avi").read_bytes()[:300])
    *answers, bad = Predictor(clip_model).answers([*files, broken])
    for (path, frames), answer in zip(files.items(), answers, strict=True):
        outputs = _expected(clip_model, frames[np.newaxis])
        # JPEG frames of one level come back within a level of it.
        assert answer["ok"] and answer["posture"]["confidence"] == pytest.approx(
            outputs["posture"].max(), abs=0.01 if path.suffix == ".avi" else 1e-5
        )
        years = clip_model.heads["age"].values(outputs["age"])[0]
        assert answer["age"]["value"] == pytest.approx(years, abs=0.3)
    assert not bad["ok"] and bad["path"] == str(broken) and bad["error"]
