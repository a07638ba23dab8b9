import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score, f1_score

from mtl_lowres.heads.metrics import Accuracy, MacroF1

CLASSES = 5


def _batches(rng, count=4, size=13):
    for _ in range(count):
        labels = rng.integers(0, CLASSES - 1, size)  # the last class never occurs as a label
        yield labels, rng.dirichlet(np.ones(CLASSES), size).astype(np.float32)


def _measure(metric, batches, weights=None):
    for index, (labels, probabilities) in enumerate(batches):
        metric.update_state(labels, probabilities, None if weights is None else weights[index])
    return float(metric.result())


def test_agrees_with_scikit_learn_over_batches():
    batches = list(_batches(np.random.default_rng(0)))
    truth = np.concatenate([labels for labels, _ in batches])
    predicted = np.concatenate([p.argmax(1) for _, p in batches])
    assert _measure(Accuracy(CLASSES), batches) == pytest.approx(accuracy_score(truth, predicted))
    expected = f1_score(truth, predicted, average="macro")
    assert _measure(MacroF1(CLASSES), batches) == pytest.approx(expected, rel=1e-6)


def test_samples_of_weight_zero_do_not_count():
    rng = np.random.default_rng(1)
    batches = list(_batches(rng))
    known = [rng.random(len(labels)) < 0.5 for labels, _ in batches]
    weights = [k.astype(np.float32) for k in known]
    truth = np.concatenate([labels[k] for (labels, _), k in zip(batches, known, strict=True)])
    predicted = np.concatenate([p.argmax(1)[k] for (_, p), k in zip(batches, known, strict=True)])
    accuracy = accuracy_score(truth, predicted)
    assert _measure(Accuracy(CLASSES), batches, weights) == pytest.approx(accuracy)
    expected = f1_score(truth, predicted, average="macro")
    assert _measure(MacroF1(CLASSES), batches, weights) == pytest.approx(expected, rel=1e-6)


def test_macro_f1_by_hand():
    """Labels 0 0 1, predictions 0 1 1: F1 is 2/3 for class 0, 2/3 for class 1, no class 2."""
    metric = MacroF1(3)
    metric.update_state([0, 0, 1], np.eye(3)[[0, 1, 1]])
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_fractional_weights_by_hand():
    """Class 0 has hits 0.5, labelled 0.5 and predicted 2.5: F1 is 1/3. Class 1 has no hit."""
    metric = MacroF1(2)
    metric.update_state([0, 1], [[1.0, 0.0], [1.0, 0.0]], [0.5, 2.0])
    assert float(metric.result()) == pytest.approx((1 / 3 + 0) / 2)


@pytest.mark.parametrize("make", [lambda: Accuracy(CLASSES), lambda: MacroF1(CLASSES)])
class TestBoth:
    def test_label_forms_agree(self, make):
        ((labels, probabilities),) = _batches(np.random.default_rng(2), count=1)
        soft = 0.6 * np.eye(CLASSES)[labels] + 0.4 / CLASSES
        results = {
            _measure(make(), [(form, probabilities)]) for form in (labels, labels[:, None], soft)
        }
        assert len(results) == 1

    def test_reset(self, make):
        metric = make()
        before = _measure(metric, _batches(np.random.default_rng(3)))
        metric.reset_state()
        assert float(metric.result()) == 0
        assert _measure(metric, _batches(np.random.default_rng(3))) == before

    def test_nothing_labelled(self, make):
        assert _measure(make(), [([0, 1], np.eye(CLASSES)[:2])], [[0.0, 0.0]]) == 0

    def test_weights_with_a_trailing_axis_as_keras_gives_them(self, make):
        ((labels, probabilities),) = _batches(np.random.default_rng(4), count=1)
        weights = np.arange(len(labels), dtype=np.float32) % 2
        flat = _measure(make(), [(labels, probabilities)], [weights])
        column = _measure(make(), [(labels[:, None], probabilities)], [weights[:, None]])
        assert flat == column

    def test_config_round_trip(self, make):
        metric = make()
        copy = tf.keras.metrics.deserialize(tf.keras.metrics.serialize(metric))
        assert type(copy) is type(metric)
        assert copy.get_config() == metric.get_config()
