"""Figures about ages and tasks hold the numbers they were given."""

import numpy as np
import pytest

from mtl_lowres.report import task_plots


def test_ages_lie_on_the_diagonal_when_perfect():
    figure = task_plots.ages_figure([4, 90], [4, 90])
    diagonal, points = figure.data
    assert list(diagonal.x) == list(diagonal.y) == [0, 90]
    assert list(points.x) == list(points.y) == [4, 90]


def test_ages_of_nobody_still_give_a_figure():
    figure = task_plots.ages_figure(np.empty(0), np.empty(0))
    assert len(figure.data[1].x) == 0


def test_bands_are_bars_with_their_counts():
    bands = [{"band": "0-9", "mae_years": 2.5, "n": 7}, {"band": "90-99", "mae_years": 9, "n": 1}]
    (bars,) = task_plots.age_bands_figure(bands).data
    assert list(bars.x) == ["0-9", "90-99"]
    assert list(bars.y) == [2.5, 9]
    assert list(bars.text) == ["n=7", "n=1"]


def test_buckets_of_lengths_are_bars_with_their_extent():
    buckets = [
        {"shortest": 4, "longest": 4, "n": 7, "accuracy": 0.5},
        {"shortest": 5, "longest": 31, "n": 1, "accuracy": 1.0},
    ]
    (bars,) = task_plots.lengths_figure(buckets, "accuracy", "lengths").data
    assert list(bars.x) == ["4", "5–31"] and list(bars.y) == [0.5, 1.0]
    assert list(bars.text) == ["n=7", "n=1"]


def test_every_task_has_a_curve_of_weights():
    figure = task_plots.weights_figure({"posture": [1, 2], "age": [1, 0.5]})
    assert [line.name for line in figure.data] == ["posture", "age"]
    assert list(figure.data[1].y) == [1, 0.5]
    assert list(figure.data[1].x) == [1, 2]


@pytest.mark.parametrize(("change", "colour"), [(3.2, task_plots.BLUE), (-1, "#D55E00")])
def test_joint_figure_colours_by_sign_and_says_it_in_words(change, colour):
    rows = [{"task": "<b>", "metric": "macro_f1", "change": change}]
    (bars,) = task_plots.joint_figure(rows).data
    assert list(bars.marker.color) == [colour]
    assert bars.text[0] == f"{change:+.1f} %"
    assert "&lt;b&gt;" in bars.y[0]
