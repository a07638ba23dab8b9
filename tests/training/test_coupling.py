"""Runs on two resolutions or several views: what is seen, what is kept, exact resume."""

import dataclasses

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.errors import InputError
from mtl_lowres.model import load_model
from mtl_lowres.training.checkpoint import Checkpoints
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.coupling import training_dataset, training_model
from mtl_lowres.training.prepare import new_model
from mtl_lowres.training.run import train

CONFIG = TrainConfig(
    tasks=("posture",),
    trunk="lownet(slopes=(1, 1, 1))",
    heads={"posture": "posture(loss='nll')"},
    degrade="area(4)|bicubic(8)",
    coupled="area(8)",
    augment="noise(0.01)",
    epochs=2,
    batch_size=16,
    ema=0.9,
)
SEMI = dataclasses.replace(CONFIG, coupling="semi(0, 0.25, 0.5, 0.75)")
SIAMESE = dataclasses.replace(
    CONFIG, coupled="subpixel(shift=2)|area(8)", siamese="contrastive(views=3)", augment=""
)


@pytest.fixture(scope="module")
def model(bars):
    tf.keras.utils.set_random_seed(0)
    return new_model(CONFIG, bars)


@pytest.fixture(scope="module")
def two_sizes(bars, model):
    """One batch of all rows, as a network with a twin takes it."""
    config = dataclasses.replace(SEMI, augment="", batch_size=96)
    return next(_dataset(config, bars, model).as_numpy_iterator())


@pytest.fixture(scope="module")
def views(bars, model, tmp_path_factory):
    """A manifest whose last row is a bad file, and the first batch of its second epoch."""
    bad = tmp_path_factory.mktemp("views") / "schlecht größe.png"
    bad.write_bytes(b"no image")
    rows = pd.concat([bars.head(15), bars.head(1).assign(path=str(bad))], ignore_index=True)
    rows.loc[::2, "posture"] = pd.NA
    rows.attrs = bars.attrs
    bad_files = BadFiles(16, budget=0.1)
    dataset = _dataset(SIAMESE, rows, model, first_epoch=1, bad_files=bad_files)
    batch = next(dataset.as_numpy_iterator())
    assert list(bad_files.reasons) == [str(bad)]
    return rows, batch


def _dataset(config, rows, model, **options):
    return training_dataset(rows, config, model, classes={"posture": 4}, **options)


def _seen(bars, recipe):
    files = [np.fromfile(path, np.uint8) for path in bars["path"]]
    images = np.stack([cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1] for file in files])
    return parse_recipe(recipe)(images / np.float32(255)).numpy()


def test_every_row_is_two_samples(two_sizes, bars):
    images, labels, weights = two_sizes
    high, low = _seen(bars, "area(8)"), _seen(bars, SEMI.degrade)
    order = [int(np.abs(low - image).sum((1, 2, 3)).argmin()) for image in images["own"]]
    assert sorted(order) == list(range(96)) != order
    np.testing.assert_allclose(images["own"], low[order], atol=1e-6)
    np.testing.assert_allclose(images["coupled"], high[order], atol=1e-6)
    truth = bars["posture"].to_numpy(int)[order]
    np.testing.assert_array_equal(labels["posture"], np.tile(truth, 2))
    np.testing.assert_array_equal(weights["posture"], np.ones(192))


def test_both_samples_of_a_row_are_augmented_alike(bars, model):
    """Fully coupled, they are one batch of one network."""
    config = dataclasses.replace(
        CONFIG, coupled=CONFIG.degrade, augment="shift(2)|flip(0.5)|noise(0.1)|mixup(0.3)"
    )
    images, labels, _ = next(_dataset(config, bars, model).as_numpy_iterator())
    np.testing.assert_array_equal(images[:16], images[16:])
    np.testing.assert_array_equal(labels["posture"][:16], labels["posture"][16:])


def test_views_are_other_draws_of_the_same_rows(views, model):
    """Of 15 good rows three each, in every epoch others; a missing label is of no class."""
    rows, (inputs, labels, weights) = views
    assert sorted(inputs["sample"]) == sorted([*range(15)] * 3)
    assert inputs["views"].shape == (45, 8, 8, 3)
    truth = rows["posture"].fillna(-1).to_numpy(int)[inputs["sample"]]
    np.testing.assert_array_equal(inputs["class"], truth)
    np.testing.assert_array_equal(weights["posture"], truth >= 0)
    assert list(labels) == list(weights) == ["posture"]

    epochs = _dataset(SIAMESE, rows, model, bad_files=BadFiles(16, budget=0.1))
    first, second = (next(epochs.as_numpy_iterator())[0] for _ in range(2))
    np.testing.assert_array_equal(second["views"], inputs["views"])
    draws = [image.tobytes() for batch in (first, second) for image in batch["views"]]
    assert len(set(draws)) == 90


def test_a_model_without_a_twin_is_trained_itself(model):
    for config in (dataclasses.replace(CONFIG, coupled=""), CONFIG):
        assert training_model(config, model) is model


def test_the_twin_and_the_model_answer_alike_before_training(two_sizes, model):
    images, _, _ = two_sizes
    trained = training_model(SEMI, model)
    expected = model(np.concatenate([images["coupled"], images["own"]]))["posture"]
    np.testing.assert_allclose(trained(images)["posture"], expected, rtol=1e-4, atol=1e-6)
    mine = {id(weight) for weight in model.weights}
    assert mine < {id(weight) for weight in trained.weights}
    assert trained.heads == model.heads


def test_siamese_loss_is_that_of_the_task_and_the_contrast(views, model):
    trained = training_model(SIAMESE, model)
    inputs, labels, weights = tf.nest.map_structure(tf.constant, views[1])
    expected = model(inputs["views"])["posture"]
    np.testing.assert_allclose(trained(inputs)["posture"], expected, rtol=1e-5)
    assert {id(w) for w in trained.weights} == {id(w) for w in model.weights}
    trained.compile("sgd")
    outputs = trained(inputs, training=True)
    total = trained.compute_loss(inputs, labels, outputs, weights)
    task = model.heads["posture"].loss()(labels["posture"], outputs["posture"], weights["posture"])
    (added,) = trained.losses
    assert float(added) > 0
    assert float(total) == pytest.approx(float(task + added), rel=1e-5)


@pytest.fixture(scope="module")
def semi(tmp_path_factory):
    """The settings of the runs here, which share the images that the first one decodes."""
    shared = tmp_path_factory.mktemp("shared")
    return dataclasses.replace(SEMI, cache="disk", cache_dir=str(shared))


@pytest.fixture(scope="module")
def finished(semi, bars, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("coupled") / "run"
    return run_dir, train(semi, bars, run_dir)


def test_interrupted_run_ends_with_the_same_weights(finished, semi, bars, tmp_path, monkeypatch):
    """All that a checkpoint holds, the twin's weights and the averages among it, to the bit."""
    whole, figures = finished
    save = Checkpoints.save

    def interrupted(self, epochs_done, *args, **kwargs):
        save(self, epochs_done, *args, **kwargs)
        if epochs_done == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(semi, bars, tmp_path / "run")
    assert train(semi, bars, tmp_path / "run") == figures
    ends = [
        tf.train.load_checkpoint(str(run / "checkpoints" / "epoch-0002" / "variables"))
        for run in (whole, tmp_path / "run")
    ]
    shapes = ends[0].get_variable_to_shape_map()
    assert [3, 3, 64, 128 - 32] in shapes.values()  # of the twin: a quarter is shared
    for name in shapes.keys() - {"_CHECKPOINTABLE_OBJECT_GRAPH"}:
        np.testing.assert_array_equal(*(end.get_tensor(name) for end in ends), err_msg=name)


def test_the_kept_model_has_no_twin_and_sees_the_low_resolution(finished, model):
    run_dir, figures = finished
    kept = load_model(run_dir)
    assert kept.count_params() == model.count_params() == figures["parameters"]
    assert kept.description["degrade"] == SEMI.degrade
    history = pd.read_csv(run_dir / "history.csv")
    assert figures["splits"]["val"]["posture"]["macro_f1"] == pytest.approx(
        history["val_posture_macro_f1"].max(), abs=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coupled": "area(16)"}, r"coupled='area\(16\)' gives images of \(16, 16\), degrade="),
        ({"siamese": "contrastive()", "coupled": "", "augment": ""}, "views of each row, but"),
        ({"siamese": "contrastive()", "augment": "mixup(0.2)"}, "leave out mixup"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(
    settings, message, bars, tmp_path
):
    with pytest.raises(InputError, match=message) as caught:
        train(dataclasses.replace(CONFIG, **settings), bars, tmp_path / "run")
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_siamese_needs_classes(bars, tmp_path):
    manifest = bars.drop(columns="posture").assign(age=30.0)
    config = dataclasses.replace(SIAMESE, tasks=("age",), heads={})
    with pytest.raises(InputError, match=r"the tasks \['age'\] have none"):
        train(config, manifest, tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coupling": "semi(0.5)", "coupled": ""}, "coupling='semi.*name a recipe, coupled="),
        ({"coupling": "semi()"}, "coupling='semi\\(\\)'.*give the share of the filters"),
        ({"coupling": "semi(1.5)"}, "each share must be a number from 0 to 1, got 1.5"),
        ({"coupling": "half"}, "unknown coupling 'half'"),
        ({"coupling": "full|full"}, "give one of"),
        ({"siamese": "contrastive(views=1)"}, "views must be an integer of at least 2, got 1"),
        ({"siamese": "contrastive(margin=3)"}, "margin must be a number"),
        ({"siamese": "triplet()"}, "unknown siamese loss 'triplet'"),
        ({"siamese": "contrastive()", "coupling": "semi(0.5)"}, "use coupling='full'"),
        ({"teacher": "runs/a"}, "coupled='area.*leave it or teacher out"),
        ({"teacher": "runs/a", "coupled": "", "siamese": "contrastive()"}, "siamese='contrastive"),
        ({"transfer": "t", "coupling": "semi(0.5)"}, "transfer='t'.*learns nothing"),
    ],
)
def test_unusable_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        dataclasses.replace(CONFIG, **settings)
    assert "\n" not in str(caught.value)
