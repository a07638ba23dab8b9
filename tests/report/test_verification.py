import json

import numpy as np
import pytest

from mtl_lowres.evaluation.verification import roc_curve, verification_metrics
from mtl_lowres.report.verification import roc_figure, scores_figure, write_verification_report

RNG = np.random.default_rng(0)
SAME = np.arange(400) % 2
SCORES = RNG.normal(size=400) * 0.2 + 0.3 * SAME
FOLDS = np.arange(400) // 40


def test_curve_keeps_the_best_point_of_every_rate():
    far, tar, _ = roc_curve(SCORES, SAME)
    figure = roc_figure({"<model>": (far, tar)})
    drawn, chance = figure.data
    assert drawn.name == "&lt;model&gt;" and chance.name == "chance"
    assert len(drawn.x) == len(np.unique(far))
    for x, y in zip(drawn.x, drawn.y, strict=True):
        assert y == tar[far == x].max()
    low, high = figure.layout.xaxis.range
    assert (10**low, 10**high) == (pytest.approx(1 / 200), 1)


def test_many_points_are_thinned():
    rates = np.linspace(0, 1, 100_000)
    drawn = roc_figure({"a": (rates, np.sqrt(rates))}).data[0]
    assert len(drawn.x) <= 2000 and drawn.x[0] == 0 and drawn.x[-1] == 1


def test_scores_of_both_kinds_are_counted():
    one, two = scores_figure(SCORES, SAME).data
    assert (one.name, two.name) == ("one person", "two people")
    assert sum(one.y) == sum(two.y) == 200
    assert sum(scores_figure([0.5, 0.5], [1, 0]).data[0].y) == 1


def test_page_holds_figures_and_folds(tmp_path):
    figures = verification_metrics(SCORES, SAME, FOLDS, bootstrap=20)
    far, tar, _ = roc_curve(SCORES, SAME)
    page = write_verification_report(
        tmp_path / "ü.html", figures, (far, tar), SCORES, SAME, {"degrade": "area(8)"}, "<faces>"
    )
    text = page.read_text(encoding="utf-8")
    assert "<h1>&lt;faces&gt;</h1>" in text and "area(8)" in text
    assert f"{figures['lfw_10fold_accuracy']:.3f}" in text and "lfw_10fold_accuracy" in text
    assert f"<td>{figures['thresholds'][7]:.4f}</td>" in text
    assert "400 pairs in 10 folds" in text and 'src="http' not in text
    for part in text.split('<script type="application/json">')[1:]:
        assert json.loads(part.split("</script>")[0])["data"]
