"""Predictions for files are those of the model on frames that are read and degraded here."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.heads import Age, Posture
from mtl_lowres.model import build_model, save_model
from mtl_lowres.serving.predict import predict_files


@pytest.fixture(scope="module")
def image_model():
    tf.keras.utils.set_random_seed(1)
    heads = {"posture": Posture(3), "age": Age("mse")}
    return build_model("lownet", heads, (8, 8, 3), degrade="area(8)")


def _image(path, seed):
    image = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return image


def _expected(model, images):
    """Return what the model answers for uint8 [n, h, w, 3], or [n, t, h, w, 3]."""
    images = np.asarray(images)
    frames = tf.constant(images.reshape(-1, *images.shape[-3:]) / 255, tf.float32)
    low = parse_recipe("area(8)")(frames)
    outputs = model(tf.reshape(low, [*images.shape[:-3], 8, 8, 3]), training=False)
    return {task: output.numpy() for task, output in outputs.items()}


def test_images(image_model, tmp_path):
    paths = [tmp_path / f"ä {number}.png" for number in range(70)]  # more than a batch
    images = [_image(path, number) for number, path in enumerate(paths)]
    answers = list(predict_files(image_model, paths))
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
            _image(path, 0)
    answers = list(predict_files(image_model, paths))
    assert [answer["path"] for answer in answers] == [str(path) for path in paths]
    assert [number for number, answer in enumerate(answers) if not answer["ok"]] == list(bad)
    for number in bad:
        assert "not an image" in answers[number]["error"]


def test_no_files(image_model):
    assert list(predict_files(image_model, [])) == []


def test_the_same_file_twice(image_model, tmp_path):
    _image(tmp_path / "a.png", 0)
    paths = [tmp_path / "a.png", tmp_path / "gone.png"] * 2
    answers = list(predict_files(image_model, paths))
    assert [answer["ok"] for answer in answers] == [True, False, True, False]
    assert answers[0] == answers[2] and answers[1]["error"] == "no such file"


def _write_clips(folder):
    """Return files of six frames in five formats, and the frames that `uniform(3)` takes of them.

    It takes the middle ones of three equal parts: 1, 3 and 5.
    """
    frames = np.random.default_rng(3).integers(0, 255, (6, 16, 16, 3), np.uint8)
    np.save(folder / "clip.npy", frames)
    np.savez(folder / "clip.npz", frames=frames)
    np.save(folder / "short.npy", frames[:1])
    image = _image(folder / "image.png", 5)
    video = cv2.VideoWriter(
        str(folder / "vidéo.avi"),
        cv2.CAP_OPENCV_MJPEG,
        cv2.VideoWriter_fourcc(*"MJPG"),
        10,
        (16, 16),
    )
    levels = (20, 60, 100, 140, 180, 220)
    for level in levels:
        video.write(np.full((16, 16, 3), level, np.uint8))
    video.release()
    gray = [np.full((16, 16, 3), levels[i], np.uint8) for i in (1, 3, 5)]
    return {
        folder / "clip.npy": frames[[1, 3, 5]],
        folder / "clip.npz": frames[[1, 3, 5]],
        folder / "short.npy": frames[[0, 0, 0]],
        folder / "image.png": np.stack([image] * 3),
        folder / "vidéo.avi": np.stack(gray),
    }


def test_clips(clip_model, tmp_path):
    files = _write_clips(tmp_path)
    broken = tmp_path / "broken.avi"
    broken.write_bytes((tmp_path / "vidéo.avi").read_bytes()[:300])
    *answers, bad = predict_files(clip_model, [*files, broken])
    for (path, frames), answer in zip(files.items(), answers, strict=True):
        outputs = _expected(clip_model, frames[np.newaxis])
        # JPEG frames of one level come back within a level of it.
        assert answer["ok"] and answer["posture"]["confidence"] == pytest.approx(
            outputs["posture"].max(), abs=0.01 if path.suffix == ".avi" else 1e-5
        )
        years = clip_model.heads["age"].values(outputs["age"])[0]
        assert answer["age"]["value"] == pytest.approx(years, abs=0.3)
    assert not bad["ok"] and bad["path"] == str(broken) and bad["error"]


def test_command_line_answers_a_table(clip_model, tmp_path):
    files = [str(path) for path in _write_clips(tmp_path)]
    save_model(clip_model, tmp_path / "model")
    done = CliRunner().invoke(main, ["predict", str(tmp_path / "model"), *files, "gone.avi"])
    assert done.exit_code == 3, done.output
    header, *rows = done.stdout.splitlines()
    assert header.split("\t") == [
        *("file", "posture", "confidence", "identity", "confidence", "age (years)")
    ]
    assert [row.split("\t")[0] for row in rows] == files
    for row in rows:
        _, posture, confidence, _, _, years = row.split("\t")
        assert posture in ("stand", "sit", "lie ✓")
        assert 0 < float(confidence) <= 1 and 0 < float(years) < 120
    assert done.stderr == "gone.avi\tno such file\n"
