"""A gallery names the nearest enrolled person, or nobody."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import save_model
from mtl_lowres.serving.gallery import Gallery, enrolled_files
from mtl_lowres.serving.predictor import Predictor
from tests.toy_people import (
    draw_people,
    people_model,
    toy_trunk,
    unit_embeddings,
)


@pytest.fixture(scope="module")
def model():
    with toy_trunk():
        yield people_model()


@pytest.fixture(scope="module")
def predictor(model):
    return Predictor(model)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return draw_people(tmp_path_factory.mktemp("leute"), people=3, images=3)


@pytest.fixture(scope="module")
def folder(people, tmp_path_factory):
    """Two people with folders (one with a folder inside) and one with a single image."""
    root = tmp_path_factory.mktemp("galerie ü")
    places = ["Zoë/1.png", "Zoë/alt/2.png", "Łukasz/1.png", "王.png"]
    for place, source in zip(places, [0, 1, 3, 6], strict=True):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(people["path"][source], root / place)
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.png").write_bytes(b"hidden")
    return root


def test_names_are_those_of_folders_and_files(folder):
    names = [name for name, _ in enrolled_files(folder)]
    assert sorted(names) == sorted(["Zoë", "Zoë", "Łukasz", "王"])


def test_nearest_by_cosine(model, predictor, people, folder):
    gallery = Gallery(predictor, folder, threshold=0.5)
    answers = list(predictor.answers(people["path"], gallery=gallery))
    unit = unit_embeddings(model, people["path"])
    similarities = unit @ unit[[0, 1, 3, 6]].T
    names = np.array(["Zoë", "Zoë", "Łukasz", "王"])[similarities.argmax(axis=1)]
    for answer, name, similarity in zip(answers, names, similarities.max(axis=1), strict=True):
        assert answer["gallery"]["nearest"] == name
        assert answer["gallery"]["similarity"] == pytest.approx(similarity, abs=1e-4)
        assert answer["gallery"]["threshold"] == 0.5
        assert answer["gallery"]["label"] == (name if similarity >= 0.5 else "unknown")
    enrolled = [answers[place]["gallery"] for place in (0, 1, 3, 6)]
    assert [found["label"] for found in enrolled] == ["Zoë", "Zoë", "Łukasz", "王"]


def test_the_calibrated_threshold_of_the_resolution(model, people, folder, monkeypatch):
    """All files are 24 pixels high."""
    entries = [
        {"size": [side, side], "threshold": threshold}
        for side, threshold in ((8, -0.5), (24, 0.75), (32, 0.1))
    ]
    monkeypatch.setitem(model.description, "calibration", {"threshold": {"face": entries}})
    predictor = Predictor(model)
    (answer,) = predictor.answers(people["path"][:1], gallery=Gallery(predictor, folder))
    assert answer["gallery"]["threshold"] == 0.75


def test_a_stranger_is_unknown(predictor, people, folder):
    gallery = Gallery(predictor, folder / "Zoë", threshold=1.0)
    (answer,) = predictor.answers(people["path"][3:4], gallery=gallery)
    assert answer["gallery"]["label"] == "unknown"
    assert answer["gallery"]["nearest"] in ("1", "alt")


def test_without_a_threshold(predictor, folder):
    with pytest.raises(InputError, match="no threshold is known for the task 'face'"):
        Gallery(predictor, folder)


def test_a_threshold_that_is_no_cosine(predictor, folder):
    with pytest.raises(InputError, match="threshold 1.5"):
        Gallery(predictor, folder, 1.5)


def test_a_model_without_an_embedding(folder):
    with toy_trunk(), pytest.raises(InputError, match="no head of the model has an embedding"):
        Gallery(Predictor(people_model(heads={"posture": Posture(3)})), folder, 0.5)


def test_a_broken_image_is_refused(predictor, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "g")
    (tmp_path / "g" / "Łukasz" / "2.jpg").write_bytes(b"hello")
    with pytest.raises(InputError, match=r"Łukasz/2.jpg: not an image.*mend or remove") as error:
        Gallery(predictor, tmp_path / "g", 0.5)
    assert "\n" not in str(error.value)


def test_nobody_is_enrolled(predictor, tmp_path):
    with pytest.raises(InputError, match="no image in it"):
        Gallery(predictor, tmp_path, 0.5)
    with pytest.raises(InputError, match="no such folder"):
        Gallery(predictor, tmp_path / "gone", 0.5)


def test_command_line(model, people, folder, tmp_path):
    save_model(model, tmp_path / "m")
    base = ["predict", str(tmp_path / "m"), people["path"][0]]
    done = CliRunner().invoke(main, [*base, "--gallery", str(folder), "--threshold", "0.9"])
    assert done.exit_code == 0, done.output
    header, row = (line.split("\t") for line in done.stdout.splitlines())
    assert header == ["file", "posture", "confidence", "person", "similarity"]
    assert row[3:] == ["Zoë", "1.000"]
    for options, message in (
        (["--gallery", str(folder)], "mtl-lowres calibrate"),
        (["--threshold", "0.5"], "give both"),
    ):
        done = CliRunner().invoke(main, [*base, *options])
        assert done.exit_code == 2 and message in done.stderr
        assert len(done.stderr.splitlines()) == 1
