"""Calibration against values worked by hand and searched by brute force."""

import json

import numpy as np
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation import classification_metrics
from mtl_lowres.evaluation.calibration import (
    accept_rates,
    apply_temperature,
    check_calibration,
    expected_calibration_error,
    fit_temperature,
    reliability_table,
    threshold_at_far,
)

# Three answers of confidence 0.8, two of them right.
TWO_OF_THREE = np.array([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8]]), np.array([0, 0, 0])


@pytest.fixture
def random_case():
    """Probabilities that are too sure of themselves."""
    random = np.random.default_rng(0)
    fair = random.dirichlet(np.ones(5), 400)
    truth = np.array([random.choice(5, p=row) for row in fair])
    sure = fair**2.5
    return sure / sure.sum(axis=1, keepdims=True), truth


class TestCalibrationError:
    def test_one_bin_by_hand(self):
        """Confidence 0.8, accuracy 2/3."""
        assert expected_calibration_error(*TWO_OF_THREE) == pytest.approx(0.8 - 2 / 3)

    def test_two_bins_by_hand(self):
        """Two of 0.9, one right: gap 0.4; one of 0.6, right: gap 0.4; so 0.4 in all."""
        probabilities = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]
        assert expected_calibration_error(probabilities, [0, 1, 1]) == pytest.approx(0.4)
        low, high = reliability_table(probabilities, [0, 1, 1])
        # 0.6 is an end of a fifteenth, and belongs to the bin that it closes.
        assert (low["low"], low["high"], low["n"]) == (pytest.approx(8 / 15), 0.6, 1)
        assert high == pytest.approx(
            {"low": 13 / 15, "high": 14 / 15, "n": 2, "confidence": 0.9, "accuracy": 0.5}
        )

    def test_agrees_with_a_loop_over_bins(self, random_case):
        probabilities, truth = random_case
        confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
        expected = 0
        for k in range(15):
            here = (confidence > k / 15) & (confidence <= (k + 1) / 15)
            if here.any():
                expected += here.mean() * abs(right[here].mean() - confidence[here].mean())
        assert expected_calibration_error(probabilities, truth) == pytest.approx(expected)

    @pytest.mark.parametrize(("truth", "error"), [([0], 0.3), ([1], 0.7)])
    def test_one_sample(self, truth, error):
        assert expected_calibration_error([[0.7, 0.3]], truth) == pytest.approx(error)

    @pytest.mark.parametrize(("truth", "error"), [([0, 0], 0), ([1, 1], 1)])
    def test_certain_answers(self, truth, error):
        assert expected_calibration_error([[1, 0], [1, 0]], truth) == error

    def test_no_samples(self):
        assert reliability_table(np.empty((0, 3)), []) == []
        assert expected_calibration_error(np.empty((0, 3)), []) is None

    @pytest.mark.parametrize(
        ("probabilities", "truth", "message"),
        [
            ([[0.5, 0.5]], [2], "truth row 0 is class 2"),
            ([[0.5, 0.5]], [0, 1], "shape"),
            ([[2.0, -1.0]], [0], "do not sum to 1"),
        ],
    )
    def test_bad_input_is_named(self, probabilities, truth, message):
        with pytest.raises(InputError, match=message):
            expected_calibration_error(probabilities, truth)

    def test_metrics_have_it(self):
        probabilities, truth = TWO_OF_THREE
        metrics = classification_metrics([*truth, -1], [*probabilities, [0.5, 0.5]])
        assert metrics["expected_calibration_error"] == pytest.approx(0.8 - 2 / 3)
        assert [row["n"] for row in metrics["reliability"]] == [3]
        json.dumps(metrics)

    @pytest.mark.parametrize("truth", [[0], [-1]])
    def test_metrics_of_logits_or_without_labels_have_none(self, truth):
        metrics = classification_metrics(truth, [[3.0, -1.0]])
        assert metrics["expected_calibration_error"] is None and metrics["reliability"] == []


class TestTemperature:
    def test_by_hand(self):
        """Two of three are right, so the best probability is 2/3: log 4 / T = log 2, T = 2."""
        temperature = fit_temperature(*TWO_OF_THREE)
        assert temperature == pytest.approx(2, rel=1e-6)
        after = apply_temperature(TWO_OF_THREE[0], temperature)
        assert after[:, 0] == pytest.approx([2 / 3, 2 / 3, 1 / 3], rel=1e-6)
        assert expected_calibration_error(after, TWO_OF_THREE[1]) == pytest.approx(0, abs=1e-6)

    def test_finds_the_lowest_loss(self, random_case):
        probabilities, truth = random_case

        def loss(temperature):
            powers = probabilities ** (1 / temperature)
            of_truth = powers[np.arange(len(truth)), truth] / powers.sum(axis=1)
            return -np.log(of_truth).mean()

        grid = np.geomspace(0.05, 20, 3000)
        best = grid[np.argmin([loss(temperature) for temperature in grid])]
        assert fit_temperature(probabilities, truth) == pytest.approx(best, rel=3e-3)
        assert 2 < best < 3  # they were sharpened by 2.5

    def test_one_that_is_1_changes_nothing(self, random_case):
        assert apply_temperature(random_case[0], 1) == pytest.approx(random_case[0], rel=1e-9)

    def test_one_a_row(self):
        after = apply_temperature([[0.8, 0.2], [0.8, 0.2]], [2, 1])
        assert after[:, 0] == pytest.approx([2 / 3, 0.8])

    @pytest.mark.parametrize(
        ("truth", "temperature"), [([0], 0.05), ([1], 20), ([0, 0], 0.05), ([1, 1], 20)]
    )
    def test_all_right_or_all_wrong_gives_an_end(self, truth, temperature):
        probabilities = np.tile([0.7, 0.3], (len(truth), 1))
        assert fit_temperature(probabilities, truth) == temperature

    @pytest.mark.parametrize(("truth", "temperature"), [(0, 0.05), (1, 20)])
    def test_exact_zeros(self, truth, temperature):
        assert fit_temperature([[1.0, 0.0]], [truth]) == temperature
        assert np.isfinite(apply_temperature([[1.0, 0.0]], temperature)).all()

    def test_even_probabilities_leave_it_at_1(self):
        assert fit_temperature([[0.25] * 4] * 3, [0, 1, 2]) == 1

    def test_nothing_to_fit_on(self):
        with pytest.raises(InputError, match="no labelled sample"):
            fit_temperature(np.empty((0, 4)), [])


class TestThreshold:
    def test_by_hand(self):
        """One of four different pairs may be accepted: 0.4 is, 0.3 is not."""
        scores = [0.1, 0.4, 0.2, 0.3, 0.35, 0.25]
        same = [0, 0, 0, 0, 1, 1]
        threshold = threshold_at_far(scores, same, 0.25)
        assert threshold == np.nextafter(0.3, 1)
        assert accept_rates(scores, same, threshold) == {"tar": 0.5, "far": 0.25}

    @pytest.mark.parametrize("far", [0.005, 0.01, 0.29, 0.999])
    def test_is_the_smallest_that_keeps_the_rate(self, far):
        random = np.random.default_rng(1)
        scores, same = random.normal(size=1200).round(2), np.arange(1200) < 200
        threshold = threshold_at_far(scores, same, far)
        assert accept_rates(scores, same, threshold)["far"] <= far
        below = np.nextafter(threshold, -np.inf)
        assert accept_rates(scores, same, below)["far"] > far

    def test_equal_scores_are_accepted_together_or_not_at_all(self):
        threshold = threshold_at_far([0.5] * 10, [0] * 10, 0.5)
        assert accept_rates([0.5] * 10, [0] * 10, threshold) == {"tar": None, "far": 0}

    @pytest.mark.parametrize(
        ("different", "far", "message"),
        [
            (99, 0.01, "needs at least 100 pairs .* there are 99"),
            (0, 0.01, "there are 0"),
            (500, 0, "far=0"),
            (500, 1.0, "far=1.0"),
        ],
    )
    def test_too_few_pairs_or_no_rate(self, different, far, message):
        with pytest.raises(InputError, match=message) as error:
            threshold_at_far(np.zeros(different + 3), np.arange(different + 3) < 3, far)
        assert "\n" not in str(error.value)

    def test_a_score_that_is_no_number_is_named(self):
        with pytest.raises(InputError, match="row 1 is nan"):
            threshold_at_far([0.1, np.nan], [0, 1], 0.5)


@pytest.mark.parametrize(
    "calibration",
    [
        [],
        {"other": {}},
        {"temperature": {"a": []}},
        {"temperature": {"a": [{"size": [16, 16]}]}},
        {"temperature": {"a": [{"size": [16, 16], "temperature": 0}]}},
        {"temperature": {"a": [{"size": 16, "temperature": 1}]}},
        {"threshold": {"a": [{"size": [16, 16], "threshold": float("nan")}]}},
        {"threshold": {"a": [{"size": [16, 0], "threshold": 0.5}]}},
    ],
)
def test_a_damaged_calibration_is_refused(calibration):
    with pytest.raises(InputError, match="calibrate again"):
        check_calibration(calibration)
