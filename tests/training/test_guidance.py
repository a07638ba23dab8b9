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
from mtl_lowres.training.guidance import PUBLISHED, guided_dataset, open_teacher, soften
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


def _pixels(manifest, **options):
    dataset = make_dataset(manifest, hr="area(16)", degrade="area(8)", **options)
    return next(dataset.as_numpy_iterator())[0]


def test_labels_are_the_teachers_embeddings_of_the_same_images(bars, teacher_folder):
    """The teacher's own embedding head answers, although the student's task has another name."""
    config, manifest, _, teacher = _setup(CONFIG, bars, teacher_folder)
    config = dataclasses.replace(config, augment="", batch_size=96)
    images, labels, weights = next(
        guided_dataset(manifest, config, teacher, {}).as_numpy_iterator()
    )
    both = _pixels(manifest, batch_size=96)
    expected = load_model(teacher_folder).predict(both["hr"], verbose=0)["face"]
    # In the order of the shuffled images, which are all different.
    order = [int(np.abs(both["lr"] - image).sum((1, 2, 3)).argmin()) for image in images]
    assert sorted(order) == list(range(96))
    np.testing.assert_allclose(labels["features"], expected[order], atol=1e-5)
    np.testing.assert_array_equal(weights["features"], np.ones(96))


@pytest.mark.parametrize("views", [0, 1])
def test_labels_mix_with_the_teachers_probabilities(bars, teacher_folder, views):
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
    both = _pixels(manifest, batch_size=96)
    order = [int(np.abs(both["lr"] - image).sum((1, 2, 3)).argmin()) for image in images]
    roots = np.sqrt(load_model(teacher_folder).predict(both["hr"], verbose=0)["posture"])
    taught = roots / roots.sum(1, keepdims=True)
    known = manifest["posture"].notna().to_numpy()
    one_hot = np.eye(4)[manifest["posture"].fillna(0).to_numpy(int)]
    expected = np.where(known[:, None], 0.75 * one_hot + 0.25 * taught, taught)
    np.testing.assert_allclose(labels["posture"], expected[order], atol=1e-5)
    np.testing.assert_array_equal(weights["posture"], np.ones(96))


def test_temperature_is_a_root_of_the_probabilities():
    """Square roots of 0.64 and 0.36 are 0.8 and 0.6, over 1.4."""
    softened = soften(tf.constant([[0.64, 0.36], [1.0, 0.0]]), 2.0)
    np.testing.assert_allclose(softened[0], [0.8 / 1.4, 0.6 / 1.4], rtol=1e-5)
    np.testing.assert_allclose(softened[1], [1.0, 0.0], atol=1e-3)


def test_kept_views_are_those_of_the_first_epochs_and_noise_is_fresh(bars, teacher_folder):
    """Every image of an epoch is one of the two views; over epochs both are met."""
    config, manifest, _, teacher = _setup(CONFIG, bars, teacher_folder)
    few = manifest.iloc[:12]
    config = dataclasses.replace(config, augment='shift(2, at="hr")', batch_size=12)
    online = guided_dataset(few, config, teacher, {})
    labels = [next(online.as_numpy_iterator())[1]["features"] for _ in range(2)]
    views = np.concatenate(labels)
    kept = guided_dataset(few, dataclasses.replace(config, teacher_views=2), teacher, {})
    met = set()
    for _ in range(4):
        images, labels, _ = next(kept.as_numpy_iterator())
        distances = np.abs(labels["features"][:, None] - views).sum(-1)
        assert distances.min(1).max() < 1e-5
        met |= set(distances.argmin(1))
    assert len(met) > 12


@pytest.fixture(scope="module")
def finished(bars, teacher_folder, tmp_path_factory):
    """A run whose manifest has no label at all; people are held out as ever."""
    run_dir = tmp_path_factory.mktemp("guided") / "run"
    config = dataclasses.replace(
        CONFIG,
        teacher=str(teacher_folder),
        teacher_views=2,
        cache="disk",
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


def test_a_step_leaves_the_teacher_and_checkpoints_without_it(bars, teacher_folder, tmp_path):
    config, manifest, student, teacher = _setup(CONFIG, bars, teacher_folder)
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


@pytest.mark.parametrize("views", [0, 2])
def test_epochs_are_the_same_after_a_resumption(bars, teacher_folder, views):
    config, manifest, _, teacher = _setup(CONFIG, bars, teacher_folder)
    config = dataclasses.replace(config, teacher_views=views, batch_size=8)
    few = manifest.iloc[:20]
    whole = guided_dataset(few, config, teacher, {})
    list(whole)
    resumed = guided_dataset(few, config, teacher, {}, first_epoch=1)
    pairs = zip(whole.as_numpy_iterator(), resumed.as_numpy_iterator(), strict=True)
    for (images, labels, _), (same_images, same_labels, _) in pairs:
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(labels["features"], same_labels["features"])


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
