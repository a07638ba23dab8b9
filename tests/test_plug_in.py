"""A transfer between a frozen trunk and the heads: what is frozen, saved, started and refused."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, load_model, save_model
from mtl_lowres.plug_in import trunk_before_transfer
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.prepare import new_model
from mtl_lowres.training.start import check_trunk_of_transfer, start_from
from mtl_lowres.training.transfer import TransferConfig, fit_transfer, save_transfer
from mtl_lowres.trunks.layer_output import features_of
from mtl_lowres.weights_file import weights_digest

SHAPE = (8, 8, 3)
IMAGES = np.random.default_rng(0).random((12, *SHAPE), np.float32)
LABELS = {"posture": np.arange(12) % 3}
CONFIG = TransferConfig(fc1=8, fc2=4, epochs=1, beside=True)


def _new_model(trunk="lownet", **options):
    return build_model(trunk, {"posture": Posture(3)}, SHAPE, **options)


@pytest.fixture(scope="module")
def source():
    """A model whose trunk has dropout."""
    return _new_model()


@pytest.fixture(scope="module")
def transfer(source):
    features = source.trunk(IMAGES, training=False).numpy()
    return fit_transfer(features, features, CONFIG)


@pytest.fixture(scope="module")
def folder(source, transfer, tmp_path_factory):
    path = tmp_path_factory.mktemp("Plug-in ü") / "transfer"
    notes = {"trunk": "lownet", "weights_sha256": weights_digest(source.trunk)}
    save_transfer(transfer, path, features=notes)
    return path


@pytest.fixture
def model(source, folder, tmp_path):
    save_model(source, tmp_path / "source")
    joined = _new_model(transfer=folder)
    start_from(joined, tmp_path / "source")
    return joined


def test_features_are_the_transferred_ones_of_the_trunk(model, source, transfer):
    expected = transfer.apply(source.trunk(IMAGES, training=False))
    for training in (False, True):
        np.testing.assert_allclose(model.trunk(IMAGES, training=training), expected, atol=1e-5)
    check_trunk_of_transfer(model, "")


def test_only_the_heads_learn(model):
    names = {weight.name.split("/")[0] for weight in model.trainable_weights}
    assert names == {"posture_logits"}
    before = [weight.numpy() for weight in model.trunk.weights]
    model.compile(tf.keras.optimizers.Adam(0.1), run_eagerly=True)
    head = model.get_layer("posture_logits").get_weights()[0]
    model.fit(IMAGES, LABELS, verbose=0)
    for old, weight in zip(before, model.trunk.weights, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert (model.get_layer("posture_logits").get_weights()[0] != head).any()


def test_batch_norms_keep_their_statistics(folder, tmp_path):
    features = _new_model("resnet1").trunk
    network = fit_transfer(features(IMAGES), features(IMAGES), CONFIG)
    save_transfer(network, tmp_path / "t")
    joined = _new_model("resnet1", transfer=tmp_path / "t")
    before = joined.trunk(IMAGES, training=False)
    np.testing.assert_array_equal(joined.trunk(IMAGES, training=True), before)


def test_a_saved_model_needs_no_other_folder(model, folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    built = _new_model(transfer=copy)
    shutil.rmtree(copy)
    save_model(built, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    np.testing.assert_array_equal(loaded(IMAGES)["posture"], built(IMAGES)["posture"])
    assert loaded.description == built.description
    assert loaded.description["transfer"]["options"]["fc1"] == 8
    assert len(loaded.trainable_weights) == 2


def test_features_of_a_layer(source, tmp_path):
    """Of maps the mean over all places."""
    maps = tf.keras.Model(source.trunk.input, source.trunk.get_layer("lownet_relu3").output)
    features = maps(IMAGES).numpy().mean(axis=(1, 2))
    transfer = fit_transfer(features, features, CONFIG)
    save_transfer(transfer, tmp_path / "t", layer="lownet_relu3")
    joined = _new_model(transfer=tmp_path / "t")
    cut = features_of(source.trunk, "lownet_relu3")
    trunk_before_transfer(joined).set_weights(cut.get_weights())
    np.testing.assert_allclose(joined.trunk(IMAGES), transfer.apply(features), atol=1e-4)
    save_model(joined, tmp_path / "m")
    np.testing.assert_array_equal(
        load_model(tmp_path / "m")(IMAGES)["posture"], joined(IMAGES)["posture"]
    )
    with pytest.raises(InputError, match="layer='lownet_relu3': the trunk 'lenet'"):
        _new_model("lenet", transfer=tmp_path / "t")


def test_a_model_with_a_transfer_starts_one_without(model, tmp_path):
    save_model(model, tmp_path / "joined")
    plain = _new_model()
    start_from(plain, tmp_path / "joined")
    np.testing.assert_array_equal(
        plain.trunk(IMAGES), trunk_before_transfer(model)(IMAGES, training=False)
    )


def test_other_weights_than_the_transfer_was_fitted_on_are_refused(model, folder):
    check_trunk_of_transfer(model, folder)
    with pytest.raises(InputError, match=r"features of trunk 'lownet' with other weights.*start="):
        check_trunk_of_transfer(_new_model(transfer=folder), folder)


def test_a_run_may_have_one(bars, folder):
    config = TrainConfig(tasks=("posture",), degrade="area(8)", val=0, transfer=str(folder))
    model = new_model(config, bars)
    assert model.description["transfer"]["width"] == 64
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_another_width_or_no_transfer_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="takes 64 features, but trunk 'lenet' has 84"):
        _new_model("lenet", transfer=folder)
    with pytest.raises(InputError, match=r"transfer\.json is missing"):
        _new_model(transfer=tmp_path)
