"""A teacher at 16x16 guides a student at 8x8: what is learnt, what stays, exact resume."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.errors import InputError
from mtl_lowres.heads import Embedding, Posture
from mtl_lowres.model import build_model, load_model, save_model, weights_by_key
from mtl_lowres.training.checkpoint import Checkpoints
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.guidance import (
    PUBLISHED,
    Teacher,
    adapt_embeddings,
    guided_dataset,
    open_teacher,
    soften,
)
from mtl_lowres.training.prepare import new_model, prepare_manifest
from mtl_lowres.training.run import train

TRUNK = "lownet(slopes=(1, 1, 1))"
NAMES = ["left", "mid-left", "mid-right", "right"]
CONFIG = TrainConfig(
    tasks=("features",),
    trunk=TRUNK,
    heads={"features": "embedding(width=5)"},
    degrade="area(8)",
    augment='shift(1, at="hr")|noise(0.01)',
    epochs=3,
    batch_size=16,
)
SHARED = dataclasses.replace(
    CONFIG,
    tasks=("posture",),
    heads={"posture": "posture(loss='nll')"},
    teacher="replaced by each test",
    teacher_share=0.25,
)


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory):
    """An untrained network with both kinds of answers."""
    tf.keras.utils.set_random_seed(5)
    folder = tmp_path_factory.mktemp("lehrer größe") / "model"
    heads = {"face": Embedding(5), "posture": Posture(4, loss="nll")}
    model = build_model(
        "lownet",
        heads,
        (16, 16, 3),
        class_names={"posture": NAMES},
        degrade="area(16)",
        slopes=(1, 1, 1),
    )
    save_model(model, folder)
    return folder


def _setup(config, bars, folder):
    config = dataclasses.replace(config, teacher=str(folder))
    manifest = prepare_manifest(config, bars)
    student = new_model(config, manifest)
    return config, manifest, student, open_teacher(config, student)


@pytest.fixture(scope="module")
def opened(bars, teacher_folder):
    return _setup(CONFIG, bars, teacher_folder)


@pytest.fixture(scope="module")
def seen(bars, teacher_folder):
    """All bars as the student sees them, and what the teacher answers about them."""
    dataset = make_dataset(bars, hr="area(16)", degrade="area(8)", batch_size=96)
    images = next(dataset.as_numpy_iterator())[0]
    return images["lr"], load_model(teacher_folder).predict(images["hr"], verbose=0)


def _order(images, pixels):
    """Return which rows the shuffled images are; all are different."""
    order = [int(np.abs(pixels - image).sum((1, 2, 3)).argmin()) for image in images]
    assert sorted(order) == list(range(96))
    return order


def test_labels_are_the_teachers_embeddings_of_the_same_images(opened, seen):
    """The teacher's own embedding head answers, although the student's task has another name.

    A new student's embeddings have the mean of the teacher's and their size.
    """
    config, manifest, student, teacher = opened
    config = dataclasses.replace(config, augment="", batch_size=96)
    dataset = guided_dataset(manifest, config, teacher, {})
    images, labels, weights = next(dataset.as_numpy_iterator())
    pixels, answers = seen
    expected = answers["face"][_order(images, pixels)]
    np.testing.assert_allclose(labels["features"], expected, atol=1e-5)
    np.testing.assert_array_equal(weights["features"], np.ones(96))

    adapt_embeddings(student, manifest, config, teacher)
    scale = student.get_layer("features")
    mean = answers["face"].mean(axis=0)
    np.testing.assert_allclose(scale.mean, mean, rtol=1e-4)
    np.testing.assert_allclose(scale.deviation, (answers["face"] - mean).std(), rtol=1e-4)


@pytest.mark.parametrize("views", [0, 1])
def test_labels_mix_with_the_teachers_probabilities(bars, teacher_folder, seen, views):
    """Without a label the teacher's answer stands alone; both ways of asking agree."""
    manifest = bars.copy()
    manifest.loc[::2, "posture"] = pd.NA
    manifest.attrs = bars.attrs
    config, manifest, _, teacher = _setup(SHARED, manifest, teacher_folder)
    config = dataclasses.replace(
        config, augment="", batch_size=96, teacher_views=views, teacher_temperature=2.0
    )
    dataset = guided_dataset(manifest, config, teacher, {"posture": 4})
    images, labels, weights = next(dataset.as_numpy_iterator())
    pixels, answers = seen
    roots = np.sqrt(answers["posture"])
    taught = roots / roots.sum(1, keepdims=True)
    known = manifest["posture"].notna().to_numpy()
    one_hot = np.eye(4)[manifest["posture"].fillna(0).to_numpy(int)]
    expected = np.where(known[:, None], 0.75 * one_hot + 0.25 * taught, taught)
    np.testing.assert_allclose(labels["posture"], expected[_order(images, pixels)], atol=1e-5)
    np.testing.assert_array_equal(weights["posture"], np.ones(96))


def test_temperature_is_a_root_of_the_probabilities():
    """Square roots of 0.64 and 0.36 are 0.8 and 0.6, over 1.4."""
    softened = soften(tf.constant([[0.64, 0.36], [1.0, 0.0]]), 2.0)
    np.testing.assert_allclose(softened[0], [0.8 / 1.4, 0.6 / 1.4], rtol=1e-5)
    np.testing.assert_allclose(softened[1], [1.0, 0.0], atol=1e-3)


def test_views_of_an_epoch_are_the_same_after_a_resumption_and_when_kept(opened):
    """Every image of an epoch is then one of the two views; over epochs both are met."""
    config, manifest, _, teacher = opened
    few = manifest.iloc[:12]
    config = dataclasses.replace(config, augment='shift(2, at="hr")', batch_size=12)
    online = guided_dataset(few, config, teacher, {})
    epochs = [next(online.as_numpy_iterator()) for _ in range(2)]
    resumed = guided_dataset(few, config, teacher, {}, first_epoch=1)
    images, labels, _ = next(resumed.as_numpy_iterator())
    np.testing.assert_array_equal(images, epochs[1][0])
    np.testing.assert_array_equal(labels["features"], epochs[1][1]["features"])
    views = np.concatenate([labels["features"] for _, labels, _ in epochs])
    kept = guided_dataset(few, dataclasses.replace(config, teacher_views=2), teacher, {})
    met = set()
    for _ in range(4):
        images, labels, _ = next(kept.as_numpy_iterator())
        distances = np.abs(labels["features"][:, None] - views).sum(-1)
        assert distances.min(1).max() < 1e-5
        met |= set(distances.argmin(1))
    assert len(met) > 12


def test_what_is_kept_is_shared(opened, tmp_path, monkeypatch):
    """Another seed finds answers and images; another resolution the answers only."""
    config, manifest, _, teacher = opened
    config = dataclasses.replace(config, teacher_views=2, cache="disk")
    few = manifest.iloc[:8]

    def kept(**settings):
        run = dataclasses.replace(config, **settings)
        guided_dataset(few, run, teacher, {}, cache_dir=tmp_path / "größe")
        return sorted(path.name.split("-")[0] for path in (tmp_path / "größe").iterdir())

    assert kept() == ["answers", "views"]
    monkeypatch.delattr(Teacher, "answers")  # nobody asks again
    assert kept(seed=3) == ["answers", "views"]
    assert kept(degrade="area(4)") == ["answers", "views", "views"]


@pytest.fixture(scope="module")
def finished(bars, teacher_folder, tmp_path_factory):
    """A run whose manifest has no label at all; people are held out as ever."""
    folder = tmp_path_factory.mktemp("guided")
    run_dir = folder / "run"
    config = dataclasses.replace(
        CONFIG,
        teacher=str(teacher_folder),
        teacher_views=2,
        cache="disk",
        cache_dir=str(folder / "shared"),
        augment=CONFIG.augment + "|blend(0.5)",
    )
    manifest = bars.drop(columns="posture")
    return run_dir, config, manifest, train(config, manifest, run_dir)


def test_run_learns_from_the_embedding_alone(finished):
    run_dir, _, _, figures = finished
    history = pd.read_csv(run_dir / "history.csv")
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert history["val_features_cosine_to_teacher"].max() == pytest.approx(
        figures["splits"]["val"]["features"]["cosine_to_teacher"], abs=1e-6
    )
    predictions = pd.read_csv(run_dir / "predictions.csv")
    test = predictions[predictions["split"] == "test"]
    assert test["features_cosine"].mean() == pytest.approx(
        figures["splits"]["test"]["features"]["cosine_to_teacher"], abs=1e-5
    )


def test_a_step_leaves_the_teacher_and_checkpoints_without_it(opened, tmp_path):
    config, manifest, student, teacher = opened
    before = [weight.numpy() for weight in teacher._model.weights]
    student.compile("adam")
    student.fit(guided_dataset(manifest, config, teacher, {}).take(1), epochs=1, verbose=0)
    for weight, value in zip(teacher._model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    mine = {weight.ref() for weight in student.weights}
    assert not mine & {weight.ref() for weight in teacher._model.weights}
    Checkpoints(tmp_path, model=student, optimizer=student.optimizer).save(1, {}, keep=1)
    shapes = {tuple(weight.shape) for weight in teacher._model.weights}
    shapes -= {tuple(weight.shape) for weight in student.weights}
    stored = tf.train.list_variables(str(tmp_path / "epoch-0001" / "variables"))
    assert shapes and not shapes & {tuple(shape) for _, shape in stored}


def test_interrupted_run_ends_with_the_same_weights_and_its_own_teacher(
    finished, teacher_folder, tmp_path, monkeypatch
):
    whole, config, manifest, _ = finished
    config = dataclasses.replace(config, teacher=str(tmp_path / "teacher"))
    teacher = load_model(teacher_folder)
    save_model(teacher, config.teacher)
    save = Checkpoints.save

    def interrupted(self, epochs_done, *args, **kwargs):
        save(self, epochs_done, *args, **kwargs)
        if epochs_done == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config, manifest, tmp_path / "run")
    teacher.weights[0].assign(teacher.weights[0] + 1)
    save_model(teacher, config.teacher)
    with pytest.raises(InputError, match="begun with another teacher"):
        train(config, manifest, tmp_path / "run")
    save_model(load_model(teacher_folder), config.teacher)
    train(config, manifest, tmp_path / "run")
    resumed = weights_by_key(load_model(tmp_path / "run"))
    for key, weight in weights_by_key(load_model(whole)).items():
        np.testing.assert_array_equal(weight.numpy(), resumed[key].numpy(), err_msg=key)


def _refused(bars, folder, config, message, **settings):
    with pytest.raises(InputError, match=message) as caught:
        _setup(dataclasses.replace(config, **settings), bars, folder)
    assert "\n" not in str(caught.value)


def test_unusable_guidance_is_one_line(bars, teacher_folder):
    with pytest.raises(InputError, match="'features' has the head embedding.*--teacher"):
        new_model(CONFIG, bars)
    wide = {"features": "embedding(width=7)"}
    _refused(bars, teacher_folder, CONFIG, r"answers 7: write embedding\(width=5\)", heads=wide)
    _refused(bars, teacher_folder, SHARED, "has nothing to teach", teacher_share=0.0)
    _refused(bars, teacher_folder, SHARED, "labels of posture", augment="blend(0.5)")
    config, _, student, _ = _setup(CONFIG, bars, teacher_folder)
    with pytest.raises(InputError, match=r"sees clip=None, the student clip='uniform\(2\)'"):
        open_teacher(dataclasses.replace(config, clip="uniform(2)"), student)
    renamed = bars.copy()
    renamed.attrs = {"classes": {"posture": NAMES[::-1]}}
    _refused(renamed, teacher_folder, SHARED, "knows the classes .* but the manifest has")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher_views": 2}, "teacher_views=2.*name the teacher's folder"),
        ({"teacher_share": 1.5}, "teacher_share=1.5"),
        ({"teacher": "a", "teacher_temperature": 0}, "teacher_temperature=0"),
        ({"teacher": "a", "teacher_views": 2, "cache": "none"}, "cache='none'"),
    ],
)
def test_unusable_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(CONFIG, **settings)


def test_published_settings_are_settings():
    config = TrainConfig(tasks=("embedding",), teacher="sphere", **PUBLISHED)
    assert config.embedding_tasks == ("embedding",) and config.labelled_tasks == ()
    assert (config.learning_rate, config.weight_decay, config.batch_size) == (3e-4, 5e-4, 256)
