"""A trunk without randomness, small enough to compute its embeddings by hand."""

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.datasets.pairs import pair_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.verification import pair_scores
from mtl_lowres.heads import Embedding, Identity, Posture
from mtl_lowres.multi_task_model import MultiTaskModel
from mtl_lowres.training.embed import embed, embedding_source, score_pairs

SIDE = 4


def _model(heads=None, degrade=f"area({SIDE})"):
    """Features: the mean colour of the left half of the image."""
    image = tf.keras.Input((SIDE, SIDE, 3))
    left = tf.keras.layers.Cropping2D(((0, 0), (0, SIDE // 2)))(image)
    trunk = tf.keras.Model(image, tf.keras.layers.GlobalAveragePooling2D()(left))
    heads = heads or {"face": Embedding()}
    outputs = {task: head.build(trunk.output, task) for task, head in heads.items()}
    description = {"input_shape": [SIDE, SIDE, 3], "degrade": degrade}
    return MultiTaskModel(image, outputs, trunk, heads, description)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("Bilder ü"), np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    paths = [folder / f"ä {number}.png" for number in range(5)]
    for path, image in zip(paths, pixels, strict=True):
        path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return [str(path) for path in paths], pixels / 255


@pytest.fixture
def decoded(images, monkeypatch):
    """Spare the pipeline, whose graph takes seconds to build; a path that is not there is bad."""
    pixels = dict(zip(*images, strict=True))

    def batches(manifest, tasks, *, batch_size, **options):
        good = manifest[manifest["path"].isin(pixels)]
        for start in range(0, len(good), batch_size):
            part = good.iloc[start : start + batch_size]
            labels = {task: tf.constant(part[task].to_numpy()) for task in tasks}
            yield tf.constant([pixels[path] for path in part["path"]], tf.float32), labels, {}

    monkeypatch.setattr("mtl_lowres.training.embed.make_dataset", batches)


def _halves(pixels):
    left, right = np.split(pixels, 2, axis=2)
    return left.mean(axis=(1, 2)), right.mean(axis=(1, 2))


def test_mirrored_embeddings_follow_those_of_the_image(images, decoded):
    paths, pixels = images
    manifest = pd.DataFrame({"path": paths})
    left, right = _halves(pixels)
    rows, embeddings = embed(_model(), manifest, batch_size=2)
    assert embeddings.dtype == np.float32 and rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(embeddings, np.hstack([left, right]), atol=1e-6)
    _, plain = embed(_model(), manifest, mirrored=False)
    np.testing.assert_allclose(plain, left, atol=1e-6)
    _, mean = embed(_model(), manifest, mirrored="mean")
    np.testing.assert_allclose(mean, (left + right) / 2, atol=1e-6)
    with pytest.raises(InputError, match="mirrored='max': give True, False or 'mean'"):
        embed(_model(), manifest, mirrored="max")


def test_a_file_is_decoded_once_and_bad_ones_are_left_out(images, tmp_path, monkeypatch):
    paths, pixels = images
    bad = tmp_path / "kaputt.png"
    bad.write_bytes(b"no image")
    names = [paths[1], str(bad), paths[0], paths[1], str(tmp_path / "gone.png"), paths[1]]
    manifest = pd.DataFrame({"path": names}, index=[7, 7, 3, 2, 1, 0])
    bad_files, read = BadFiles(len(names), budget=0.5), []

    def spy(manifest, *arguments, **options):
        read.extend(manifest["path"])
        return make_dataset(manifest, *arguments, **options)

    monkeypatch.setattr("mtl_lowres.training.embed.make_dataset", spy)
    rows, embeddings = embed(_model(), manifest, mirrored=False, bad_files=bad_files)
    assert rows.tolist() == [0, 2, 3, 5]
    np.testing.assert_allclose(embeddings, _halves(pixels)[0][[1, 0, 1, 1]], atol=1e-6)
    assert set(bad_files.reasons) == {str(bad), str(tmp_path / "gone.png")}
    assert sorted(read) == sorted(set(names))
    with pytest.raises(InputError, match="2 of 4 files cannot be used, over the budget of 1.0%"):
        embed(_model(), manifest)


def test_where_the_embedding_comes_from(images, decoded):
    manifest = pd.DataFrame({"path": images[0]})
    heads = {"posture": Posture(3), "who": Identity(2, loss="triplet", embedding=4)}
    model = _model(heads)
    assert embedding_source(model) == "who"
    _, embeddings = embed(model, manifest, mirrored=False)
    assert embeddings.shape == (5, 4)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    model = _model({"posture": Posture(3)})
    assert embedding_source(model) is None
    assert embed(model, manifest, mirrored=False)[1].shape == (5, 3)
    with pytest.raises(InputError, match="there is no task 'face': the model has posture"):
        embed(model, manifest, task="face")
    with pytest.raises(InputError, match="the head of task 'posture' has no embedding"):
        embed(model, manifest, task="posture")


@pytest.mark.parametrize(
    ("own", "degrade", "message"),
    [
        (None, None, "no degradation recipe"),
        ("area(4)", "area(8)", r"gives images of \(8, 8\), but the network takes \(4, 4\)"),
        ("area(4)", "blur(1)", "gives images of any size, but the network takes"),
    ],
)
def test_recipes_that_do_not_fit(images, own, degrade, message):
    with pytest.raises(InputError, match=message):
        embed(_model(degrade=own), pd.DataFrame({"path": images[0]}), degrade)


def test_scores_of_pairs(images, decoded):
    paths, pixels = images
    both = np.hstack(_halves(pixels))
    first, second = [0, 1, 2, 3], [1, 2, 4, 0]
    manifest = pair_manifest(
        [paths[i] for i in first], [paths[i] for i in second], [1, 0, 1, 0], [1, 1, 2, 2]
    )
    table = score_pairs(_model(), manifest)
    np.testing.assert_allclose(table["score"], pair_scores(both[first], both[second]), atol=1e-6)
    assert table["path_a"].tolist() == [paths[i] for i in first]
    assert table["same"].tolist() == [1, 0, 1, 0] and table["fold"].tolist() == [1, 1, 2, 2]
    table = score_pairs(_model(), manifest, subtract_mean=True)
    expected = pair_scores(both[first], both[second], [1, 1, 2, 2], subtract_mean=True)
    np.testing.assert_allclose(table["score"], expected, atol=1e-5)

    manifest.loc[3, "path"] = "gone.png"
    table = score_pairs(_model(), manifest)
    assert table["path_b"].tolist() == [paths[1], paths[4], paths[0]]


def test_joint_bayes_is_given_the_mean_of_both_views(images, decoded, monkeypatch):
    paths, pixels = images
    manifest = pair_manifest(paths[:4], paths[1:], [1, 0, 1, 0], [1, 1, 2, 2])
    given = {}
    monkeypatch.setattr(
        "mtl_lowres.training.embed.pair_table",
        lambda rows, embeddings, *_, **options: given.update(options, embeddings=embeddings),
    )
    with pytest.raises(InputError, match="no column 'subject'"):
        score_pairs(_model(), manifest, metric="joint_bayes")
    assert not given
    manifest = manifest.assign(subject="Zoë", fold=1)
    score_pairs(_model(), manifest, metric="joint_bayes")
    mean = sum(_halves(pixels)) / 2
    np.testing.assert_allclose(given["embeddings"][::2], mean[:4], atol=1e-6)
    assert given["metric"] == "joint_bayes"
