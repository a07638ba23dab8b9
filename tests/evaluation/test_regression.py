"""Figures of ages against hand-made cases, scikit-learn and exhaustive resampling."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, median_absolute_error, root_mean_squared_error

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import summarise_seeds
from mtl_lowres.evaluation.regression import regression_metrics


@pytest.fixture
def random_case():
    random = np.random.default_rng(3)
    truth = random.uniform(0, 90, 200)
    return truth, truth + random.normal(2, 8, 200), random.integers(0, 6, 200)


def test_a_case_worked_by_hand():
    """Errors 1, 0, -5, 10: MAE 4, squares 126 / 4, median 3, three within 5 years, bias 1.5.

    The median of 9, 10, 40, 80 is 25, which is 16, 15, 15 and 55 off.
    """
    metrics = regression_metrics([9, 10, 40, 80], [10, 10, 35, 90])
    assert metrics["mae_years"] == pytest.approx(4)
    assert metrics["rmse_years"] == pytest.approx(np.sqrt(126 / 4))
    assert metrics["median_error_years"] == pytest.approx(3)
    assert metrics["cs@5"] == pytest.approx(0.75)
    assert metrics["bias_years"] == pytest.approx(1.5)
    assert metrics["median_mae_years"] == pytest.approx(101 / 4)
    assert (metrics["n"], metrics["n_subjects"]) == (4, 0)
    assert metrics["bootstrap_over"] == "samples"
    assert metrics["mae_by_band"] == [
        {"band": "0-9", "mae_years": 1.0, "n": 1},
        {"band": "10-19", "mae_years": 0.0, "n": 1},
        {"band": "40-49", "mae_years": 5.0, "n": 1},
        {"band": "80-89", "mae_years": 10.0, "n": 1},
    ]


def test_agrees_with_scikit_learn(random_case):
    truth, prediction, _ = random_case
    metrics = regression_metrics(truth, prediction)
    assert metrics["mae_years"] == pytest.approx(mean_absolute_error(truth, prediction))
    assert metrics["rmse_years"] == pytest.approx(root_mean_squared_error(truth, prediction))
    expected = median_absolute_error(truth, prediction)
    assert metrics["median_error_years"] == pytest.approx(expected)
    assert sum(band["n"] for band in metrics["mae_by_band"]) == 200


def test_bands_of_ones_own():
    """Half-open, so that 9.5 is in 0-9; nobody is in 60-119."""
    metrics = regression_metrics([9.5, 10, 59], [9.5, 12, 58], bands=[(0, 10), (10, 60), (60, 120)])
    assert metrics["mae_by_band"] == [
        {"band": "0-9", "mae_years": 0.0, "n": 1},
        {"band": "10-59", "mae_years": 1.5, "n": 2},
    ]


@pytest.mark.parametrize(
    "truth",
    [
        [20.0, None, 30.0, None],
        np.array([20, np.nan, 30, np.nan], np.float32),
        pd.Series([20, pd.NA, 30, pd.NA], dtype="Float64", index=[9, 3, 5, 7]),
        pd.Series([20, pd.NA, 30, pd.NA], dtype="Int64"),
    ],
)
def test_unlabelled_samples_are_left_out(truth):
    metrics = regression_metrics(truth, [21.0, 99.0, 30.0, 99.0], subjects=[1, 2, 3, 4])
    assert (metrics["n"], metrics["n_subjects"], metrics["mae_years"]) == (2, 2, 0.5)


@pytest.mark.parametrize("truth", [[], [np.nan, np.nan]])
def test_no_labelled_sample_gives_none_and_not_nan(truth):
    metrics = regression_metrics(truth, np.zeros(len(truth)), subjects=[1] * len(truth))
    names = ("mae_years", "rmse_years", "median_error_years", "cs@5", "bias_years")
    assert {metrics[name] for name in (*names, "median_mae_years", "interval")} == {None}
    assert (metrics["n"], metrics["mae_by_band"]) == (0, [])
    json.dumps(metrics, allow_nan=False)


def test_one_sample():
    metrics = regression_metrics([30], [33.0])
    assert (metrics["mae_years"], metrics["median_mae_years"]) == (3.0, 0.0)
    assert metrics["interval"] is None


def test_result_survives_json(random_case):
    metrics = regression_metrics(*random_case)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_seeds_are_summarised():
    runs = [regression_metrics([30, 40], [30 + error, 40.0]) for error in (2, 4)]
    summary = summarise_seeds(runs)
    assert summary["mae_years"]["mean"] == pytest.approx(1.5)
    assert "n" not in summary


def test_interval_over_people_agrees_with_every_possible_resample(random_case):
    """Four people drawn with replacement: the 4^4 = 256 resamples are equally likely."""
    truth, prediction, _ = random_case
    subjects = np.random.default_rng(0).choice(4, 200, p=[0.1, 0.2, 0.3, 0.4])
    metrics = regression_metrics(truth, prediction, subjects, bootstrap=4000)
    errors = np.abs(truth - prediction)
    scores = []
    for people in itertools.product(range(4), repeat=4):
        drawn = np.concatenate([errors[subjects == person] for person in people])
        scores.append((drawn.mean(), (drawn <= 5).mean()))
    low, high = np.quantile(scores, [0.025, 0.975], axis=0)
    assert (metrics["bootstrap_over"], metrics["n_subjects"]) == ("subjects", 4)
    assert metrics["interval"]["level"] == 0.95
    assert metrics["interval"]["mae_years"] == pytest.approx([low[0], high[0]], abs=0.05)
    assert metrics["interval"]["cs@5"] == pytest.approx([low[1], high[1]], abs=0.01)


def test_interval_over_samples_is_the_normal_one(random_case):
    truth, prediction, _ = random_case
    metrics = regression_metrics(truth, prediction, bootstrap=4000)
    errors = np.abs(truth - prediction)
    half = 1.96 * errors.std() / np.sqrt(200)
    expected = [errors.mean() - half, errors.mean() + half]
    assert metrics["interval"]["mae_years"] == pytest.approx(expected, abs=0.1)


def test_interval_follows_the_seed(random_case):
    first, again, other = (
        regression_metrics(*random_case, bootstrap=50, seed=seed)["interval"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_one_person_or_no_resampling_gives_no_interval():
    metrics = regression_metrics([30, 40], [31, 42], subjects=["p", "p"])
    assert (metrics["interval"], metrics["n_subjects"]) == (None, 1)
    assert metrics["bootstrap_over"] == "subjects"
    assert regression_metrics([30, 40], [31, 42], bootstrap=0)["interval"] is None


def test_samples_without_a_subject_are_one_more_person():
    metrics = regression_metrics([30] * 4, [30, 30, 40, 40], subjects=["p", "p", None, np.nan])
    assert metrics["n_subjects"] == 1
    assert metrics["interval"]["mae_years"] == [0.0, 10.0]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"truth": [20, 30], "prediction": [20, np.nan]}, ["row 1", "nan", "diverged"]),
        ({"truth": [20, np.inf], "prediction": [20, 30]}, ["truth row 1", "inf"]),
        ({"truth": ["young"], "prediction": [20]}, ["list of ages", "young"]),
        ({"truth": [20], "prediction": [20, 30]}, ["(2,)", "1 truths"]),
        ({"truth": [20], "prediction": [[20]]}, ["(1, 1)", "1 truths"]),
        ({"truth": [20, 30], "prediction": [20, 30], "subjects": [1]}, ["1 subjects", "2 samples"]),
    ],
)
def test_errors_name_the_row_and_the_value(arguments, parts):
    with pytest.raises(InputError) as caught:
        regression_metrics(**arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


def test_imports_without_tensorflow():
    program = "import sys, mtl_lowres.evaluation.regression; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
