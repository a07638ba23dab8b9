"""What every registered head must do; a new classification head is tested by registering it."""

import json

import numpy as np
import pytest
import tensorflow as tf

import mtl_lowres.heads  # noqa: F401  registers the heads
from mtl_lowres.errors import InputError
from mtl_lowres.registry import HEADS

CLASSES = 4
FEATURES = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
LABELS = np.array([0, 3, 1, 0, 2, 2])


@pytest.fixture(params=HEADS.list())
def head(request):
    return HEADS.get(request.param)(CLASSES)


@pytest.fixture
def model(head):
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input(FEATURES.shape[1:])
    return tf.keras.Model(inputs, head.build(inputs, "task"))


def test_output_is_probabilities(head, model):
    output = model.predict(FEATURES, verbose=0)
    assert (output.shape, output.dtype) == ((6, CLASSES), np.float32)
    np.testing.assert_allclose(output.sum(axis=1), 1, rtol=1e-5)


def test_layer_names_begin_with_the_task(model):
    names = [layer.name for layer in model.layers[1:]]
    assert names[-1] == "task"
    assert all(name == "task" or name.startswith("task_") for name in names)


def test_output_is_float32_under_mixed_precision(head):
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        output = head.build(tf.keras.Input([8], dtype="float16"), "task")
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert output.dtype == tf.float32


@pytest.mark.parametrize("known", [[], [2], [0, 3, 5], range(6)], ids=len)
def test_loss_is_the_mean_over_the_labelled(head, model, known):
    """k labelled of n samples give the mean of the k losses, each measured alone; 0 for none."""
    known = list(known)
    output = model(FEATURES)
    weights = np.zeros(6, np.float32)
    weights[known] = 1
    alone = [float(head.loss()(LABELS[i : i + 1], output[i : i + 1])) for i in known]
    expected = np.mean(alone) if known else 0.0
    result = float(head.loss()(np.where(weights, LABELS, 0), output, weights))
    assert result == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("labelled", [False, True])
def test_gradient_is_zero_exactly_when_nothing_is_labelled(head, model, labelled):
    with tf.GradientTape() as tape:
        loss = head.loss()(LABELS, model(FEATURES), np.full(6, labelled, np.float32))
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert np.isfinite(gradient).all()
        assert np.any(gradient) == labelled


def test_soft_labels_are_accepted(head, model):
    one_hot = np.eye(CLASSES, dtype=np.float32)[LABELS]
    output = model(FEATURES)
    assert float(head.loss()(one_hot, output)) == float(head.loss()(LABELS, output))
    for metric in head.metrics():
        metric.update_state(one_hot, output)
        assert 0 <= float(metric.result()) <= 1


def test_metrics_are_new_each_time(head):
    first, second = head.metrics(), head.metrics()
    assert [m.name for m in first] == [m.name for m in second]
    assert not set(map(id, first)) & set(map(id, second))


def test_decode(head):
    outputs = np.array([[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1]], np.float32)
    named = head.decode(outputs, ["a", "b", "ç", "d"])
    assert [(d["label"], d["index"]) for d in named] == [("ç", 2), ("a", 0)]
    assert named[0]["confidence"] == pytest.approx(0.6)
    assert [d["label"] for d in head.decode(outputs)] == ["2", "0"]
    assert head.decode(outputs[:0]) == []
    json.dumps(named)


def test_serve(head, model):
    served = head.serve(model(FEATURES))
    np.testing.assert_array_equal(served["class"], np.argmax(model(FEATURES), axis=1))
    assert served["class"].dtype == tf.int64
    assert served["probabilities"].shape == (6, CLASSES)


def test_config_round_trip_through_json(head):
    config = head.get_config()
    copy = type(head).from_config(json.loads(json.dumps(config)))
    assert copy.get_config() == config


@pytest.mark.parametrize("classes", [1, 0, -3, 2.5, "4", None, True])
def test_refuses_a_wrong_number_of_classes(head, classes):
    with pytest.raises(InputError, match="classes="):
        type(head)(classes)


def test_refuses_an_unknown_loss(head):
    with pytest.raises(InputError, match="unknown loss 'mse': known are"):
        type(head)(CLASSES, loss="mse")
