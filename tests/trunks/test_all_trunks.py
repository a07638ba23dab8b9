"""What every registered trunk must do; a new trunk adds its parameter count to the table."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Posture
from mtl_lowres.model import build_model, load_model, save_model
from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks import list_trunks

SHAPE = (16, 16, 3)
# Feature width and number of parameters (without head) at 16x16x3, counted layer by layer.
TABLE = {
    # 896 + 18,496 + 73,856 + 262,272 + 8,256
    "lownet": (64, 363_776),
    # As lownet with 2x2x128 = 512 inputs of the first dense layer: 65,664
    "cnn3": (64, 167_168),
    # 456 + 2,416 + 30,840 + 10,164
    "lenet": (84, 43_876),
    # 1,728 + 2 * 36,864 + 3 norms of 4 * 64
    "resnet1": (64, 76_224),
    # 1,728 + 4 * 36,864 + 5 norms of 4 * 64
    "resnet2": (64, 150_464),
    # 896 + 18,496 + 73,856 + 2,048 * 120 + 120 + 7,744
    "steadynet": (64, 346_872),
}


@pytest.fixture(params=list_trunks())
def name(request):
    return request.param


def _images(shape=SHAPE, count=4):
    return np.random.default_rng(0).random((count, *shape), np.float32)


def test_features_and_parameters(name):
    model = TRUNKS.get(name)(SHAPE)
    width, parameters = TABLE[name]
    assert model.output_shape == (None, width)
    assert model.count_params() == parameters


@pytest.mark.parametrize("shape", [(16, 16, 1), (24, 17, 3), (32, 48, 3)])
def test_other_sizes_give_finite_features(name, shape):
    features = TRUNKS.get(name)(shape)(_images(shape)).numpy()
    assert features.shape == (4, TABLE[name][0])
    assert np.isfinite(features).all()


def test_every_trainable_weight_gets_a_gradient(name):
    tf.keras.utils.set_random_seed(0)
    model = build_model(name, {"posture": Posture(5)}, SHAPE)
    with tf.GradientTape() as tape:
        loss = model.heads["posture"].loss()(
            [0, 1, 2, 3], model(_images(), training=True)["posture"]
        )
    gradients = tape.gradient(loss, model.trainable_variables)
    without = [
        v.name
        for v, g in zip(model.trainable_variables, gradients, strict=True)
        if g is None or not np.isfinite(g).all() or not np.any(g)
    ]
    assert not without


def test_save_load_save_load_gives_equal_outputs(name, tmp_path):
    model = build_model(name, {"posture": Posture(5)}, SHAPE)
    for weight in model.weights:  # batch norms must not be left at their initial values
        weight.assign_add(tf.random.uniform(weight.shape, 0, 0.1))
    save_model(model, tmp_path / "a")
    once = load_model(tmp_path / "a")
    save_model(once, tmp_path / "b")
    twice = load_model(tmp_path / "b")
    expected = model(_images())["posture"]
    np.testing.assert_array_equal(once(_images())["posture"], expected)
    np.testing.assert_array_equal(twice(_images())["posture"], expected)
    assert twice.description == model.description


def test_two_in_one_graph(name):
    """Flat in one graph, as build_model joins them, no two layers have the same name."""
    first, second = (TRUNKS.get(name)(SHAPE, name=prefix) for prefix in ("left", "right"))
    for trunk, prefix in ((first, "left"), (second, "right")):
        assert trunk.name == prefix
        assert all(layer.name.startswith(f"{prefix}_") for layer in trunk.layers)
    both = tf.keras.Model([first.input, second.input], [first.output, second.output])
    assert both.count_params() == 2 * first.count_params()


def test_prediction_is_deterministic(name):
    model = TRUNKS.get(name)(SHAPE)
    np.testing.assert_array_equal(model(_images()), model(_images(), training=False))
    first = model.predict(_images(), verbose=0)
    np.testing.assert_array_equal(first, model.predict(_images(), verbose=0))


@pytest.mark.parametrize("shape", [(16, 16), (16, None, 3), (16, 0, 3), (16, 16.0, 3)])
def test_refuses_a_wrong_shape(name, shape):
    with pytest.raises(InputError, match=r"input_shape=.*\(height, width, channels\)"):
        TRUNKS.get(name)(shape)
