"""predict on the command line, from a run and a TensorFlow Lite file, for images and videos."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.model import save_model
from mtl_lowres.serving.tflite import export_tflite
from tests.serving.small_files import write_clips, write_levels, write_noise
from tests.toy_people import people_model, toy_trunk


def test_command_line_answers_a_table(clip_model, tmp_path):
    files = [str(path) for path in write_clips(tmp_path)]
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


def test_parts_of_a_long_video(clip_model, tmp_path):
    save_model(clip_model, tmp_path / "model")
    write_levels(tmp_path / "a.avi", range(0, 200, 20))
    done = _predict(tmp_path / "model", tmp_path / "a.avi", "--window", 4, "--every", 3)
    header, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert header[:4] == ["file", "start", "stop", "posture"]
    assert [row[1:3] for row in rows] == [["0", "4"], ["3", "7"], ["6", "10"]]


def test_a_tflite_file_answers_images_frames_and_who_is_on_them(tmp_path):
    with toy_trunk():
        export_tflite(people_model(), tmp_path / "lite", np.zeros((1, 8, 8, 3)), ["float32"])
    source = tmp_path / "lite" / "float32.tflite"
    write_noise(tmp_path / "leute" / "Zoë.png", 0)
    write_levels(tmp_path / "b.avi", (10, 200))
    files = tmp_path / "leute" / "Zoë.png", tmp_path / "b.avi"
    options = "--gallery", tmp_path / "leute", "--threshold", 0.99, "--json", tmp_path / "a.json"
    done = _predict(source, *files, *options)
    header, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert header == ["file", "start", "stop", "posture", "confidence", "person", "similarity"]
    assert [row[1:3] for row in rows] == [["", ""], ["0", "1"], ["1", "2"]]
    assert [row[5] for row in rows] == ["Zoë", "unknown", "unknown"]
    answers = json.loads((tmp_path / "a.json").read_text("utf-8"))["answers"]
    assert [answer["posture"]["label"] for answer in answers] == [row[3] for row in rows]
    done = _predict(source, files[0], "--window", 4, status=2)
    assert "window=4 is for a model of clips" in done.stderr


@pytest.mark.parametrize("source", ["gone", "notes.txt"])
def test_what_is_no_model_is_told_in_a_line(tmp_path, source):
    (tmp_path / "notes.txt").write_text("no model")
    done = _predict(tmp_path / source, "a.png", status=2)
    assert len(done.stderr.splitlines()) == 1 and source in done.stderr


def _predict(*arguments, status=0):
    done = CliRunner().invoke(main, ["predict", *map(str, arguments)])
    assert done.exit_code == status, done.output
    return done
