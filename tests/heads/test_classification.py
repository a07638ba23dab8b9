"""What every head that chooses among classes must do."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Action, Attribute, Identity, Posture
from mtl_lowres.losses import NLL, FocalKL

CLASSES = 4
FEATURES = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
LABELS = np.array([0, 3, 1, 0, 2, 2])


@pytest.fixture(
    params=[
        Action,
        Attribute,
        Posture,
        Identity,
        lambda classes: Identity(classes, "triplet", embedding=5),
        lambda classes: Identity(classes, "squared_hinge"),
    ],
    ids=["action", "attribute", "posture", "identity", "triplet", "squared_hinge"],
)
def head(request):
    return request.param(CLASSES)


@pytest.fixture
def model(head):
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input(FEATURES.shape[1:])
    return tf.keras.Model(inputs, head.build(inputs, "task"))


def test_output_holds_probabilities(head, model):
    output = model.predict(FEATURES, verbose=0)
    probabilities = head.probabilities(output)
    assert (probabilities.shape, output.dtype) == ((6, CLASSES), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_soft_labels_are_accepted(head, model):
    one_hot = np.eye(CLASSES, dtype=np.float32)[LABELS]
    output = model(FEATURES)
    assert float(head.loss()(one_hot, output)) == float(head.loss()(LABELS, output))
    mixed = 0.7 * one_hot + 0.3 * one_hot[::-1]
    assert np.isfinite(float(head.loss()(mixed, output)))
    for metric in head.metrics():
        metric.update_state(one_hot, output)
        assert 0 <= float(metric.result()) <= 1


def test_metrics_look_at_the_probabilities_alone(head):
    """Labels 0 and 3, answers 0 and 2; what follows the probabilities is larger than they are."""
    output = np.zeros([2, CLASSES + 3], np.float32)
    output[:, CLASSES:] = 5
    output[[0, 1], [0, 2]] = 1
    width = CLASSES + 3 if getattr(head, "embedding", None) else CLASSES
    accuracy, _ = head.metrics()
    accuracy.update_state([0, 3], output[:, :width])
    assert float(accuracy.result()) == 0.5


def test_decode(head):
    outputs = np.array([[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1]], np.float32)
    named = head.decode(outputs, ["a", "b", "ç", "d"])
    assert [(d["label"], d["index"]) for d in named] == [("ç", 2), ("a", 0)]
    assert named[0]["confidence"] == pytest.approx(0.6)
    assert [d["label"] for d in head.decode(outputs)] == ["2", "0"]
    assert head.decode(outputs[:0]) == []


def test_serve(head, model):
    output = model(FEATURES)
    served = head.serve(output)
    np.testing.assert_array_equal(served["class"], np.argmax(output[:, :CLASSES], axis=1))
    assert served["class"].dtype == tf.int64
    assert served["probabilities"].shape == (6, CLASSES)


@pytest.mark.parametrize("classes", [1, 0, -3, 2.5, "4", None, True])
def test_refuses_a_wrong_number_of_classes(head, classes):
    with pytest.raises(InputError, match="classes="):
        type(head)(classes)


def test_refuses_an_unknown_loss(head):
    with pytest.raises(InputError, match="unknown loss 'mse': known are"):
        type(head)(CLASSES, loss="mse")


@pytest.mark.parametrize("kind", [Action, Attribute])
def test_actions_and_attributes_have_the_cross_entropy_and_a_choice(kind):
    """Smoothing 0.2 turns (1, 0) into (0.9, 0.1)."""
    loss = kind(2, label_smoothing=0.2).loss()
    assert type(loss) is NLL
    expected = -(0.9 * np.log(0.8) + 0.1 * np.log(0.2))
    assert float(loss([0], np.array([[0.8, 0.2]], np.float32))) == pytest.approx(expected, rel=1e-5)
    other = kind(2, loss="focal_kl", beta=3).loss()
    assert (type(other), other.beta) == (FocalKL, 3)
    with pytest.raises(InputError, match="gamma=2 has no effect on loss 'nll'.*'focal'"):
        kind(2, gamma=2)
