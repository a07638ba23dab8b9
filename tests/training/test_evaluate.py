"""Views of clips are averaged, and figures are told apart by the length of the video."""

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Embedding, Posture
from mtl_lowres.training.evaluate import Evaluator
from tests.toy_people import people_model, toy_trunk

# Frames of each video; the last file ends in the middle.
LENGTHS = [2, 5, 9, 13]


@pytest.fixture(scope="module")
def model():
    heads = {"posture": Posture(3), "age": Age("mean_variance"), "face": Embedding(4)}
    with toy_trunk():
        yield people_model(heads=heads, frames=2, clip="dense(2)")


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(0)
    return [rng.random((count, 8, 8, 3)).astype(np.float32) for count in LENGTHS]


@pytest.fixture(scope="module")
def rows(videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("filme ü")
    for number, video in enumerate(videos):
        np.save(folder / f"{number}.npy", video)
    (folder / "4.npy").write_bytes((folder / "3.npy").read_bytes()[:900])
    paths = [str(folder / f"{number}.npy") for number in range(5)]
    labels = {"posture": [0, 1, None, 2, 1], "age": [3.0, None, 40.0, 50.0, 60.0]}
    return pd.DataFrame({"path": paths, **labels}).astype({"posture": "Int64"})


def test_outputs_of_all_views_are_averaged(model, videos, rows):
    """Windows of two frames of T begin at (2 v + 1) (T - 2) // 4 in two views."""
    bad_files = BadFiles(len(rows), budget=0.5)
    evaluator = Evaluator(rows, "area(8)", clip="dense(2)", views=2, bad_files=bad_files)
    found, outputs = evaluator.outputs(model)
    np.testing.assert_array_equal(found, [0, 1, 2, 3])
    assert list(bad_files.reasons) == [rows["path"][4]]
    starts = [[(2 * view + 1) * (len(v) - 2) // 4 for v in videos] for view in range(2)]
    clips = [[v[s : s + 2] for v, s in zip(videos, own, strict=True)] for own in starts]
    for task, output in outputs.items():
        expected = np.mean([model(np.stack(view))[task] for view in clips], axis=0)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs["posture"].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(evaluator.outputs(model)[1]["age"], outputs["age"])


def test_figures_by_length(model, rows):
    """Of the three labelled rows each is a bucket of its own; the unlabelled ones are in none."""
    evaluator = Evaluator(rows.head(4), "area(8)", clip="dense(2)")
    found, outputs = evaluator.outputs(model)
    figures = evaluator.metrics_of(model, found, outputs, bootstrap=0)
    buckets = figures["posture"]["by_length"]
    assert [(b["shortest"], b["longest"], b["n"]) for b in buckets] == [
        *((2, 2, 1), (5, 5, 1), (13, 13, 1)),
    ]
    right = outputs["posture"][[0, 1, 3]].argmax(axis=1) == [0, 1, 2]
    assert [b["accuracy"] for b in buckets] == right.astype(float).tolist()
    errors = np.abs(model.heads["age"].values(outputs["age"]) - [3, np.nan, 40, 50])
    ages = [b["mae_years"] for b in figures["age"]["by_length"]]
    np.testing.assert_allclose(ages, errors[[0, 2, 3]], rtol=1e-5)


def test_views_of_images_are_refused(rows):
    with pytest.raises(InputError, match="views=2 are of clips, but images are measured"):
        Evaluator(rows, "area(8)", views=2)
