"""The transfer learns without labels, repeats itself, and survives the disk."""

import inspect
import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.cluster import KMeans

from mtl_lowres.errors import InputError
from mtl_lowres.training.transfer import (
    TransferConfig,
    fit_transfer,
    load_transfer,
    save_transfer,
)
from mtl_lowres.training.transfer_goals import make_goal

RNG = np.random.default_rng(0)
HIGH = (RNG.normal(size=(96, 6)) + 5 * np.eye(6)[np.arange(96) % 4]).astype(np.float32)
LOW = (0.5 * HIGH + RNG.normal(0, 0.5, HIGH.shape)).astype(np.float32)
SMALL = {"fc1": 16, "fc2": 4, "epochs": 12, "batch_size": 16}
EVERYTHING = {
    "assign": "pair",
    "power": 0.5,
    "cosine": True,
    "whiten": 4,
    "recluster": 5,
    "beside": True,
}


@pytest.fixture(scope="module", params=["plain", "everything", "regression"])
def fitted(request):
    options = {"plain": {}, "everything": EVERYTHING, "regression": {"target": "features"}}
    return fit_transfer(HIGH, LOW, TransferConfig(**SMALL, **options[request.param]))


def test_no_label_can_be_given():
    assert list(inspect.signature(fit_transfer).parameters) == ["hr", "lr", "config", "progress"]


def test_pseudo_labels_are_those_of_scikit_learn():
    for assign, features in (("nearest", LOW), ("pair", HIGH)):
        goal = make_goal(HIGH, LOW, TransferConfig(**SMALL, assign=assign))
        means = KMeans(4, n_init=1, random_state=0).fit(HIGH)
        np.testing.assert_array_equal(goal.targets, means.predict(features))
        assert goal.agreement == np.mean(means.predict(LOW) == means.predict(HIGH))


def test_the_target_may_be_of_the_last_features_alone():
    clusters = make_goal(HIGH, LOW, TransferConfig(**SMALL, assign="pair", target_last=2))
    expected = KMeans(4, n_init=1, random_state=0).fit_predict(HIGH[:, -2:])
    np.testing.assert_array_equal(clusters.targets, expected)
    config = TransferConfig(**SMALL, target="features", target_last=2)
    standard = (HIGH[:, -2:] - HIGH[:, -2:].mean(axis=0)) / HIGH[:, -2:].std(axis=0)
    np.testing.assert_allclose(make_goal(HIGH, LOW, config).targets, standard, rtol=1e-4, atol=1e-5)
    assert config.network_options(6)["fc2"] == 2
    with pytest.raises(InputError, match="target_last=7 of 6 features"):
        make_goal(HIGH, LOW, TransferConfig(**SMALL, target_last=7))


def test_it_learns(fitted):
    history = fitted.history
    assert [row["epoch"] for row in history] == list(range(1, 13))
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    if fitted.clusters is None:
        assert fitted.agreement is None and "same_cluster" not in history[0]
        standard = (HIGH - HIGH.mean(axis=0)) / HIGH.std(axis=0)
        assert np.mean((fitted.apply(LOW) - standard) ** 2) < 0.8
    else:
        twins = fitted.apply(LOW)[:, :4].argmax(axis=1)
        assert history[-1]["same_cluster"] > max(0.5, history[0]["same_cluster"])
        assert len(np.unique(twins)) > 1


def test_the_same_arguments_give_the_same_network(fitted):
    tf.random.normal([3])
    again = fit_transfer(HIGH[None], LOW[None], fitted.config)
    for one, other in zip(fitted.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.history == fitted.history


def test_what_comes_in_is_standardised_by_the_training_features(fitted):
    mean, deviation = fitted.network.get_layer("feature_transfer_standard").get_weights()
    low = np.sign(LOW) * np.abs(LOW) ** fitted.config.power
    np.testing.assert_allclose(mean, low.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(deviation, low.std(axis=0), rtol=1e-5)


def test_widths(fitted):
    width = 6 if fitted.config.target == "features" else 4
    width += 6 if fitted.config.beside else 0
    for count in (0, 1, 96):
        assert fitted.apply(LOW[:count]).shape == (count, width)
    if fitted.config.beside:
        roots = np.sign(LOW) * np.sqrt(np.abs(LOW))
        np.testing.assert_allclose(fitted.apply(LOW)[:, 4:], roots, rtol=1e-5)


def test_views_are_samples_of_their_own():
    config = TransferConfig(**{**SMALL, "epochs": 1})
    views = fit_transfer(np.stack([HIGH, HIGH + 1]), np.stack([LOW, LOW + 1]), config)
    both = fit_transfer(np.vstack([HIGH, HIGH + 1]), np.vstack([LOW, LOW + 1]), config)
    np.testing.assert_array_equal(views.apply(LOW), both.apply(LOW))


def test_save_and_load(fitted, tmp_path):
    folder = tmp_path / "größe"
    save_transfer(fitted, folder, layer="top", features={"trunk": "backbone"})
    loaded = load_transfer(folder)
    np.testing.assert_array_equal(loaded.apply(LOW), fitted.apply(LOW))
    assert (loaded.config, loaded.history) == (fitted.config, fitted.history)
    assert loaded.agreement == fitted.agreement
    if fitted.clusters is not None:
        np.testing.assert_array_equal(loaded.centroids, fitted.centroids)
        np.testing.assert_array_equal(loaded.clusters.projection, fitted.clusters.projection)
        assert loaded.clusters.cosine == fitted.clusters.cosine
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds 'notes.txt'"):
        save_transfer(fitted, folder)


def test_damaged_folders_are_named(fitted, tmp_path):
    with pytest.raises(InputError, match=r"transfer\.json is missing"):
        load_transfer(tmp_path / "none")
    save_transfer(fitted, tmp_path / "t")
    path = tmp_path / "t" / "transfer.json"
    text = json.loads(path.read_text(encoding="utf-8"))
    for changed in ("{", "[]", json.dumps({**text, "settings": {"speed": 1}})):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match=r"transfer\.json"):
            load_transfer(tmp_path / "t")
    path.write_text(json.dumps(text), encoding="utf-8")
    for name in ("clusters.npz", "weights.npz"):
        file = tmp_path / "t" / name
        if file.exists():
            file.write_bytes(file.read_bytes()[:50])
            with pytest.raises(InputError, match=name):
                load_transfer(tmp_path / "t")


@pytest.mark.parametrize(
    ("hr", "lr", "settings", "message"),
    [
        (HIGH, LOW[:9], {}, r"hr \(96, 6\) and lr \(9, 6\)"),
        (HIGH[:0], LOW[:0], {}, r"hr \(0, 6\)"),
        (HIGH, np.where(np.arange(96)[:, None] == 7, np.nan, LOW), {}, "lr of row 7 are not"),
        (HIGH, LOW, {"fc2": 97}, "fc2=97 clusters cannot be made of 96 samples"),
        (HIGH, LOW, {"learning_rate": 1e9, "steps": ()}, "the loss is .*learning rate"),
        (HIGH, LOW, {"residual": True}, "adds the 6 features to fc2=4"),
    ],
)
def test_refuses_what_it_cannot_fit(hr, lr, settings, message):
    with pytest.raises(InputError, match=message):
        fit_transfer(hr, lr, TransferConfig(**{**SMALL, **settings}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "labels"}, "target='labels'"),
        ({"assign": "label"}, "assign='label'"),
        ({"fc2": 1}, "fc2=1"),
        ({"steps": (0.5, 1.0)}, "steps="),
        ({"momentum": 1.0}, "momentum=1.0"),
        ({"power": 0}, "power=0"),
        ({"target": "features", "whiten": 5}, "whiten=5.*no clusters"),
        ({"speed": 1}, "unknown setting 'speed'"),
    ],
)
def test_refuses_other_settings(settings, message):
    with pytest.raises(InputError, match=message):
        TransferConfig.from_dict(settings)


def test_settings_survive_json():
    config = TransferConfig(**EVERYTHING, steps=(0.3,))
    assert TransferConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
