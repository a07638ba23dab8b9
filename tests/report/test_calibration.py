"""The reliability diagram, alone and in the report of a run."""

import json

import numpy as np

from mtl_lowres.evaluation import classification_metrics
from mtl_lowres.report.calibration import reliability_figure
from mtl_lowres.report.html import write_report

BIN = {"low": 0.8, "high": 0.9, "n": 4, "confidence": 0.86, "accuracy": 0.5}


def test_a_bar_a_bin_beside_the_diagonal():
    bars, diagonal = reliability_figure([BIN], "über <b>").data
    assert list(bars.x) == [0.8500000000000001] and list(bars.y) == [0.5]
    assert bars.width[0] == 0.9 - 0.8
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_no_bins_still_give_a_figure():
    assert len(reliability_figure([]).data) == 2


def _page(folder, figures):
    metrics = {"splits": {"test": {"posture": figures}}}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return write_report(folder).read_text(encoding="utf-8")


def test_report_shows_it(tmp_path):
    figures = classification_metrics([0, 1, 1], [[0.8, 0.2]] * 3, bootstrap=0)
    page = _page(tmp_path, figures)
    assert "posture on test: reliability (expected calibration error 0.467)" in page
    assert "mean gap between confidence and accuracy" in page


def test_report_of_an_older_run_does_without(tmp_path):
    figures = classification_metrics([0, 1, 1], np.eye(2)[[0, 1, 0]], bootstrap=0)
    del figures["expected_calibration_error"], figures["reliability"]
    assert "reliability (" not in _page(tmp_path, figures)
