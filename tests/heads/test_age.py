import json

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads import Age, Embedding
from mtl_lowres.heads.age_methods import METHODS
from mtl_lowres.heads.age_methods.coral import OrdinalLogits
from mtl_lowres.heads.age_methods.diverse_bins import random_centres
from mtl_lowres.heads.checks import check_class_names

SOFTMAX = ["dex", "mean_variance", "label_distribution"]


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z)))


def outputs_of(head, samples=7, features=5):
    tf.keras.utils.set_random_seed(1)
    inputs = tf.keras.Input([features])
    model = tf.keras.Model(inputs, head.build(inputs, "age"))
    rows = 3 * np.random.default_rng(0).normal(size=(samples, features))
    return model.predict(rows, verbose=0)


@pytest.mark.parametrize("method", METHODS)
def test_values_serve_and_decode_agree(method):
    head = Age(method, min_age=10, max_age=60)
    outputs = outputs_of(head)
    values = head.values(outputs)
    assert (values.shape, values.dtype) == ((7,), np.float32)
    assert ((values >= 10) & (values <= 60)).all()
    served = tf.function(head.serve)(tf.constant(outputs))
    np.testing.assert_allclose(served["years"], values, rtol=1e-5)
    decoded = head.decode(outputs)
    np.testing.assert_allclose([d["value"] for d in decoded], values, rtol=1e-5)
    assert {d["unit"] for d in decoded} == {"years"}
    assert ("std" in decoded[0]) == ("std_years" in served) == (method != "mse")
    json.dumps(decoded)


@pytest.mark.parametrize(
    ("value", "label"), [(31.4, "31 years"), (31.5, "32 years"), (1.2, "1 year"), (0.2, "0 years")]
)
def test_label(value, label):
    assert Age("mse").decode(np.array([[value]], np.float32))[0]["label"] == label


@pytest.mark.parametrize("method", SOFTMAX)
def test_softmax_years_are_the_expectation(method):
    """0.5 of 20, 0.25 of 21, 0.25 of 23: mean 21, variance 0.5 + 0 + 1 = 1.5."""
    outputs = np.array([[0.5, 0.25, 0, 0.25]], np.float32)
    head = Age(method, min_age=20, max_age=23)
    assert head.values(outputs) == pytest.approx([21.0])
    assert head.decode(outputs)[0]["std"] == pytest.approx(np.sqrt(1.5))


def test_coral_counts_the_thresholds_or_adds_their_probabilities():
    """Older than 20, 21, 22 with logits 2, 0.5, -1: two of them are likely."""
    outputs = np.array([[2.0, 0.5, -1.0]], np.float32)
    assert Age("coral", min_age=20, max_age=23).values(outputs) == pytest.approx([22.0])
    mean = Age("coral", min_age=20, max_age=23, answer="mean")
    assert mean.values(outputs) == pytest.approx([20 + sigmoid([2, 0.5, -1]).sum()])


def test_coral_deviation_is_that_of_the_distribution_of_ranks():
    """P(rank > k) = 0.9, 0.5, 0.2 is the distribution 0.1, 0.4, 0.3, 0.2 of ranks 0 to 3."""
    above = np.array([0.9, 0.5, 0.2])
    outputs = np.log(above / (1 - above))[None].astype(np.float32)
    ranks, p = np.arange(4), np.array([0.1, 0.4, 0.3, 0.2])
    expected = np.sqrt(p @ ranks**2 - (p @ ranks) ** 2)
    decoded = Age("coral", min_age=20, max_age=23).decode(outputs)
    assert decoded[0]["std"] == pytest.approx(expected, rel=1e-4)


def test_coral_has_one_weight_vector_and_ordered_biases():
    layer = OrdinalLogits(5)
    features = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    output = layer(features)
    kernel, bias = layer.get_weights()
    assert (kernel.shape, bias.shape) == ((2, 1), (4,))
    # Ages 0 to 4, equally likely: 4, 3, 2, 1 of 5 are above 0, 1, 2, 3.
    np.testing.assert_allclose(sigmoid(bias), [0.8, 0.6, 0.4, 0.2], rtol=1e-5)
    np.testing.assert_allclose(output, features @ kernel + bias, rtol=1e-5)
    assert OrdinalLogits.from_config(layer.get_config()).count == 5


def test_bins_are_distinct_sorted_years_that_follow_the_seed():
    centres = random_centres(20, 60, 30, 10, seed=3)
    assert np.shape(centres) == (30, 10)
    assert (np.diff(centres) > 0).all()
    assert (np.min(centres), np.max(centres)) == (20, 60)
    assert len({tuple(row) for row in centres}) == 30
    assert random_centres(20, 60, 30, 10, seed=3) == centres
    assert random_centres(20, 60, 30, 10, seed=4) != centres


def test_bins_by_default_and_in_a_saved_head():
    head = Age("label_diversity", min_age=21, max_age=60)
    config = json.loads(json.dumps(head.get_config()))
    assert np.shape(config["centres"]) == (30, 10)
    assert not {"heads", "bins", "seed"} & set(config)
    outputs = outputs_of(head)
    assert outputs.shape == (7, 30, 10)
    np.testing.assert_array_equal(Age.from_config(config).values(outputs), head.values(outputs))


def test_label_diversity_averages_the_heads():
    """Heads expect 0.5 * 10 + 0.5 * 20 = 15 and 25; the second moments are 250 and 625."""
    head = Age("label_diversity", centres=[[10, 20], [5, 25]])
    outputs = np.array([[[0.5, 0.5], [0.0, 1.0]]], np.float32)
    assert head.values(outputs) == pytest.approx([20.0])
    assert head.decode(outputs)[0]["std"] == pytest.approx(np.sqrt((250 + 625) / 2 - 400))


def test_squared_error_starts_around_the_middle_and_stays_in_the_range():
    head = Age("mse", min_age=20, max_age=60)
    inputs = tf.keras.Input([3])
    model = tf.keras.Model(inputs, head.build(inputs, "age"))
    assert model.predict(np.zeros([1, 3]), verbose=0) == pytest.approx(40)
    assert head.values(np.array([[7.0], [33.3], [99.0]], np.float32)) == pytest.approx(
        [20, 33.3, 60]
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_label_outside_the_range_is_its_nearest_end_in_the_loss(method):
    head = Age(method, min_age=1, max_age=60)
    output = outputs_of(head, samples=2)
    outside, ends = np.array([116.0, 0.0]), np.array([60.0, 1.0])
    assert float(head.loss()(outside, output)) == float(head.loss()(ends, output))


def test_metrics_compare_with_the_label_itself_and_honour_weights():
    """Errors 5, 16 (116 is not taken for 100), 6 and one without a label."""
    mae, close = Age("mse").metrics()
    outputs = np.array([[25.0], [100.0], [4.0], [50.0]], np.float32)
    labels = np.array([20.0, 116.0, 10.0, np.nan], np.float32)
    for metric in (mae, close):
        metric.update_state(labels[:, None], outputs, np.array([1.0, 1.0, 1.0, 0.0])[:, None])
    assert (mae.name, close.name) == ("mae_years", "cs@5")
    assert float(mae.result()) == pytest.approx(9)
    assert float(close.result()) == pytest.approx(1 / 3)


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_label_may_be_nan(method):
    head = Age(method)
    output = tf.Variable(outputs_of(head, samples=2))
    with tf.GradientTape() as tape:
        loss = head.loss()(np.array([np.nan, 30.0]), output, [0.0, 1.0])
    assert np.isfinite(float(loss))
    assert np.isfinite(tape.gradient(loss, output)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mae"}, "unknown method 'mae': known are mean_variance, mse"),
        ({"method": "dex", "answer": "mean"}, "answer='mean' has no effect on method 'dex'"),
        ({"heads": 3}, "heads=3 has no effect on method 'mean_variance'.*'label_diversity'"),
        ({"min_age": 2.5}, "min_age=2.5 cannot"),
        ({"max_age": -1}, "max_age=-1 cannot"),
        ({"min_age": 60, "max_age": 60}, "max_age=60 is not above min_age=60"),
        ({"mean_weight": -1}, "mean_weight=-1 cannot"),
        ({"variance_weight": np.inf}, "variance_weight=inf cannot"),
        ({"method": "label_distribution", "label_spread": 0}, "label_spread=0 cannot"),
        ({"method": "coral", "answer": "mode"}, "answer='mode' cannot be used: give median or"),
        ({"method": "label_diversity", "bins": 1}, "bins=1 cannot"),
        ({"method": "label_diversity", "bins": 102}, "bins=102 cannot.*from 2 to 101"),
        ({"method": "label_diversity", "heads": 0}, "heads=0 cannot"),
        ({"method": "label_diversity", "seed": -1}, "seed=-1 cannot"),
        ({"method": "label_diversity", "centres": [[1, 2]], "heads": 1}, "leave out heads"),
        ({"method": "label_diversity", "centres": [[2, 1]]}, "centres cannot be used"),
        ({"method": "label_diversity", "centres": [[1, 2], [3]]}, "centres cannot be used"),
        ({"method": "label_diversity", "centres": "x"}, "centres cannot be used"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(InputError, match=message) as caught:
        Age(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("head", "answer"), [(Age(), "a number"), (Embedding(), "an embedding")])
def test_heads_that_choose_no_class_have_no_class_names(head, answer):
    with pytest.raises(InputError, match=f"'age', but its head answers {answer}"):
        check_class_names({"age": head}, {"age": ["young", "old"]})
