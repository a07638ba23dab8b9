"""Sizes, recipes and figures of a sweep."""

import numpy as np
import pytest

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation import classification_metrics
from mtl_lowres.evaluation.regression import regression_metrics
from mtl_lowres.evaluation.sweep import headline_figures, parse_sizes, probe_recipe
from mtl_lowres.evaluation.verification import verification_metrics


def test_sizes():
    assert parse_sizes("112, 56,16x14,7×8") == [(112, 112), (56, 56), (16, 14), (7, 8)]


@pytest.mark.parametrize("text", ["", "16,,8", "0", "-4", "16x", "16x14x3", "1.5", "a", "٣"])
def test_sizes_that_cannot_be_read(text):
    with pytest.raises(InputError, match="cannot be read: write N"):
        parse_sizes(text)


def test_a_size_given_twice():
    with pytest.raises(InputError, match="'8x8' is there twice"):
        parse_sizes("8,8x8")


@pytest.mark.parametrize(
    ("size", "kernel", "own", "input_size", "recipe"),
    [
        ((14, 16), "area", "area(112, 96)", (112, 96), "area(14, 16)|bicubic(112, 96)"),
        (8, "bicubic", "area(16)|noise(0.1)", (16, 16), "bicubic(8, 8)|bicubic(16, 16)"),
        (16, "area", "area(16)", (16, 16), "area(16, 16)|area(16)"),
        (56, "area", "blur(1)|area(16)", (16, 16), "area(56, 56)|blur(1)|area(16)"),
        ((200, 14), "area", "area(16)", (16, 16), "area(200, 14)|bicubic(16, 16)"),
        (40, "area", "pick_size(4, 8)|area(16)", (16, 16), "area(40, 40)|bicubic(16, 16)"),
        (40, "area", "random_size(4, 8)|area(16)", (16, 16), "area(40, 40)|bicubic(16, 16)"),
    ],
)
def test_recipes(size, kernel, own, input_size, recipe):
    assert probe_recipe(size, kernel, own, input_size) == recipe
    assert parse_recipe(recipe).output_size() == input_size


def test_figures_of_classes():
    metrics = classification_metrics([0, 1, 1, 0], np.eye(4)[[0, 1, 0, 0]], bootstrap=20)
    f1, accuracy = headline_figures(metrics)
    assert (f1["metric"], accuracy["metric"]) == ("macro_f1", "accuracy")
    assert accuracy["value"] == 0.75 and accuracy["chance"] == f1["chance"] == 0.25
    assert [accuracy["low"], accuracy["high"]] == metrics["interval"]["accuracy"]


def test_figures_of_ages():
    (row,) = headline_figures(regression_metrics([10, 20, 60], [10, 20, 30], bootstrap=0))
    assert row == {
        **{"metric": "mae_years", "value": 10.0, "low": None, "high": None},
        "chance": pytest.approx(50 / 3),  # always answering 20
    }


@pytest.mark.parametrize(("folds", "name"), [(2, "2fold_accuracy"), (10, "lfw_10fold_accuracy")])
def test_figures_of_pairs(folds, name):
    same = np.arange(40) % 2
    metrics = verification_metrics(same * 0.5, same, np.arange(40) // 2 % folds, bootstrap=10)
    rows = {row["metric"]: row for row in headline_figures(metrics)}
    assert set(rows) == {name, "auc"}
    assert rows[name]["value"] == 1 and rows[name]["chance"] == rows["auc"]["chance"] == 0.5
    assert rows[name]["low"] is not None


def test_unlabelled_samples_have_no_figures():
    assert headline_figures(classification_metrics([-1], [[1, 0]])) == []
