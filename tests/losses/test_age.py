"""The losses of age by hand and against their own normalisation."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.losses import (
    AgeCrossEntropy,
    AgeLabelDistribution,
    AgeMeanVariance,
    AgeSquaredError,
    Coral,
    LabelDiversity,
)
from mtl_lowres.losses.age import to_years
from mtl_lowres.losses.age_softmax import gaussian_years, nearest_years
from mtl_lowres.losses.coral import ordinal_levels
from mtl_lowres.losses.label_diversity import nearest_bins

# Years 20, 21, 22 for two samples.
PROBABILITIES = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32)
YEARS = [20.0, 21.5]
CENTRES = [[0.0, 30.0, 90.0], [10.0, 40.0, 60.0]]


def even_outputs(loss, samples):
    """The answer that knows nothing, for each loss."""
    if isinstance(loss, AgeSquaredError):
        return np.full([samples, 1], (loss.min_age + loss.max_age) / 2)
    if isinstance(loss, Coral):
        share = np.arange(loss.count - 1, 0, -1) / loss.count
        return np.tile(np.log(share / (1 - share)), [samples, 1])
    if isinstance(loss, LabelDiversity):
        return np.full([samples, *np.shape(loss.centres)], 1 / 3)
    return np.full([samples, loss.count], 1 / loss.count)


@pytest.mark.parametrize(
    "loss",
    [
        AgeSquaredError(),
        AgeCrossEntropy(),
        AgeMeanVariance(),
        AgeMeanVariance(21, 60, mean_weight=1.0, variance_weight=0.0),
        AgeLabelDistribution(),
        AgeLabelDistribution(0, 116, label_spread=0.5),
        Coral(),
        Coral(21, 60),
        LabelDiversity(CENTRES),
    ],
    ids=lambda loss: f"{loss.name} {loss.min_age}-{loss.max_age}",
)
def test_knowing_nothing_costs_one(loss):
    """Over every age of the range once."""
    years = np.arange(loss.min_age, loss.max_age + 1, dtype=np.float32)
    outputs = even_outputs(loss, len(years)).astype(np.float32)
    assert float(loss(years, outputs)) == pytest.approx(1, rel=1e-4)


def test_labels_become_a_vector_of_years():
    np.testing.assert_array_equal(to_years(np.array([[3], [4]])), [3.0, 4.0])
    np.testing.assert_array_equal(to_years(np.array([3.5, np.nan])), [3.5, 0.0])


def test_fractional_years_are_shared_by_their_neighbours():
    shares = nearest_years(tf.constant([20.0, 21.4, 22.0]), 20, 3)
    np.testing.assert_allclose(shares, [[1, 0, 0], [0, 0.6, 0.4], [0, 0, 1]], atol=1e-5)


def test_squared_error_by_hand():
    """Ages 0 to 100 have variance (101**2 - 1) / 12 = 850; errors 3 and -4."""
    result = float(AgeSquaredError()([20.0, 30.0], np.array([[23.0], [26.0]], np.float32)))
    assert result == pytest.approx((9 + 16) / 2 / 850)


def test_cross_entropy_by_hand():
    """21.5 is half 21 and half 22."""
    expected = -(np.log(0.5) + 0.5 * np.log(0.1) + 0.5 * np.log(0.8)) / 2 / np.log(3)
    result = float(AgeCrossEntropy(20, 22)(YEARS, PROBABILITIES))
    assert result == pytest.approx(expected, rel=1e-5)


def test_mean_variance_by_hand():
    """Sample 1: mean 20.7, variance .5*.49 + .3*.09 + .2*1.69 = 0.61, error 0.7.

    Sample 2: mean 21.7, variance .1*2.89 + .1*.49 + .8*.09 = 0.41, error 0.2.
    Three years have variance 2/3, so knowing nothing costs log 3 + (0.1 + 0.05) * 2/3.
    """
    cross_entropy = -(np.log(0.5) + 0.5 * np.log(0.1) + 0.5 * np.log(0.8)) / 2
    mean_part = 0.2 * (0.7**2 / 2 + 0.2**2 / 2) / 2
    variance_part = 0.05 * (0.61 + 0.41) / 2
    expected = (cross_entropy + mean_part + variance_part) / (np.log(3) + 0.1)
    result = float(AgeMeanVariance(20, 22)(YEARS, PROBABILITIES))
    assert result == pytest.approx(expected, rel=1e-5)


def test_label_distribution_by_hand():
    """Spread 1 around 20: exp(0), exp(-1/2), exp(-2)."""
    y = np.exp([0, -0.5, -2.0])
    y /= y.sum()
    np.testing.assert_allclose(gaussian_years(tf.constant([20.0]), 20, 3, 1.0), [y], rtol=1e-5)
    loss = AgeLabelDistribution(20, 22, label_spread=1.0)
    expected = (y * np.log(y / PROBABILITIES[0])).sum() / loss.even_cost
    assert float(loss([20.0], PROBABILITIES[:1])) == pytest.approx(expected, rel=1e-4)
    assert float(loss([20.0], np.float32([y]))) == pytest.approx(0, abs=1e-6)


def test_ordinal_levels():
    """Thresholds 20, 21, 22: is the person older?"""
    levels = ordinal_levels(tf.constant([20.0, 21.0, 22.3, 23.0]), 20, 4)
    expected = [[0, 0, 0], [1, 0, 0], [1, 1, 0.3], [1, 1, 1]]
    np.testing.assert_allclose(levels, expected, atol=1e-5)


def test_coral_by_hand():
    """Ages 21 and 23 of 20 to 23 with the levels 1 0 0 and 1 1 1."""
    logits = np.array([[2.0, 0.5, -1.0], [3.0, 1.0, 0.0]])
    p = 1 / (1 + np.exp(-logits))
    first = -(np.log(p[0, 0]) + np.log(1 - p[0, 1]) + np.log(1 - p[0, 2]))
    second = -np.log(p[1]).sum()
    # P(age > 20, 21, 22) = 3/4, 1/2, 1/4 when all four ages are equally likely.
    even = -2 * (0.75 * np.log(0.75) + 0.25 * np.log(0.25)) - np.log(0.5)
    result = float(Coral(20, 23)([21.0, 23.0], logits.astype(np.float32)))
    assert result == pytest.approx((first + second) / 2 / even, rel=1e-5)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_coral_keeps_its_gradient_when_it_is_surely_wrong(logit):
    logits = tf.Variable([[logit, logit]])
    with tf.GradientTape() as tape:
        value = Coral(0, 2)([0.0 if logit > 0 else 2.0], logits)
    assert np.isfinite(float(value))
    gradient = tape.gradient(value, logits).numpy()
    assert (np.sign(gradient) == np.sign(logit)).all()


def test_nearest_bins():
    """15 is nearest to 0 and 30 alike, and the lower one counts; then to 10."""
    bins = nearest_bins(tf.constant([15.0, 51.0, 100.0]), tf.constant(CENTRES))
    np.testing.assert_array_equal(np.argmax(bins, axis=-1), [[0, 0], [1, 2], [2, 2]])


def test_label_diversity_by_hand():
    """31 is in bin 1 of both heads, with probabilities 0.2 and 0.7."""
    p = np.array([[[0.5, 0.2, 0.3], [0.1, 0.7, 0.2]]], np.float32)
    expected = -(np.log(0.2) + np.log(0.7)) / (2 * np.log(3))
    assert float(LabelDiversity(CENTRES)([31.0], p)) == pytest.approx(expected, rel=1e-5)
