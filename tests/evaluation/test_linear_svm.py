"""The SVM against scikit-learn on features that are standardised by hand."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.linear_svm import C_GRID, fit_linear_svm

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
# Columns of very different sizes, and a constant one.
FEATURES = np.hstack([RNG.normal(size=(60, 4)) + np.eye(4)[LABELS] * 2, np.ones((60, 1))])
FEATURES = FEATURES * [1.0, 100.0, 0.01, 1.0, 7.0] + [0.0, 300.0, 0.0, 5.0, 0.0]


def test_scores_are_those_of_scikit_learn():
    svm = fit_linear_svm(FEATURES, LABELS, C=0.7)
    scaler = StandardScaler().fit(FEATURES)
    standard = scaler.transform(FEATURES) / np.sqrt(5)
    expected = LinearSVC(C=0.7, random_state=0).fit(standard, LABELS).decision_function(standard)
    np.testing.assert_allclose(svm.scores(FEATURES), expected, atol=1e-3)
    assert svm.scores(FEATURES).dtype == np.float32 and svm.C == 0.7 and not svm.mean_ap
    assert not svm.weights[4].any()


def test_two_classes_have_one_plane():
    two = LABELS < 2
    svm = fit_linear_svm(FEATURES[two], LABELS[two], C=1.0)
    scores = svm.scores(FEATURES[two])
    np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])
    assert np.mean(scores.argmax(axis=1) == LABELS[two]) > 0.8


def test_units_do_not_matter():
    scale = 10.0 ** np.arange(-2, 3)
    scores = fit_linear_svm(FEATURES * scale, LABELS, C=1.0).scores(FEATURES * scale)
    expected = fit_linear_svm(FEATURES, LABELS, C=1.0).scores(FEATURES)
    np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_c_is_the_one_of_the_highest_mean_ap():
    svm = fit_linear_svm(FEATURES, LABELS, folds=3)
    assert set(svm.mean_ap) <= set(C_GRID)
    assert svm.mean_ap[svm.C] == max(svm.mean_ap.values()) > 0.5
    again = fit_linear_svm(FEATURES, LABELS, folds=3)
    assert again.mean_ap == svm.mean_ap
    np.testing.assert_array_equal(again.weights, svm.weights)


def test_a_class_of_two_samples_has_two_folds():
    few = np.concatenate([np.flatnonzero(LABELS < 2), np.flatnonzero(LABELS == 2)[:2]])
    assert fit_linear_svm(FEATURES[few], LABELS[few]).weights.shape == (5, 3)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 0, 1, 1, 2], {}, "class '2' has 1 labelled training row:"),
        ([0, 0, 1, 1, 2], {"class_names": ["a", "b", "c"]}, "class 'c' has 1 labelled"),
        ([0, 0, 1, 1, 1], {"class_names": ["a", "b", "c"]}, "class 'c' has 0 labelled"),
        ([0, 0, 2, 2, 2], {"class_names": ["a", "b"]}, "label 2 has no name"),
        ([1, 1, 1, 1, 1], {}, "all 5 labelled training rows are of class '1'"),
        ([0, 0, 1, 1, -1], {}, "labels such as -1"),
        ([0.0, 0, 1, 1, 1], {}, "class indices"),
        ([0, 0, 1, 1], {}, r"shape \(5, 5\) and labels of shape \(4,\)"),
        ([0, 0, 1, 1, 1], {"C": 0.0}, r"C=0\.0"),
        ([0, 0, 1, 1, 1], {"folds": 1}, "folds=1"),
    ],
)
def test_refuses_what_it_cannot_fit(labels, options, message):
    with pytest.raises(InputError, match=message):
        fit_linear_svm(FEATURES[:5], np.array(labels), **options)


def test_refuses_no_samples_and_values_that_are_not_finite():
    with pytest.raises(InputError, match="at least one sample"):
        fit_linear_svm(np.zeros((0, 5)), np.zeros(0, int))
    bad = FEATURES.copy()
    bad[3, 1] = np.nan
    with pytest.raises(InputError, match="row 3 are not finite"):
        fit_linear_svm(bad, LABELS)
