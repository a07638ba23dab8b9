"""Figures and page of a sweep hold the numbers they were given."""

import pandas as pd
import pytest

from mtl_lowres.report.sweep import sweep_figure, write_sweep_report


@pytest.fixture
def table():
    rows = [
        (run, kernel, side, side + 2 * (side == 14), value, value - 0.1, value + 0.1)
        for run in ("lehrer ü", "<b>schüler</b>")
        for kernel in ("area", "bicubic")
        for side, value in ((56, 0.9), (14, 0.6), (8, 0.5))
    ]
    table = pd.DataFrame(rows, columns=["run", "kernel", "height", "width", "value", "low", "high"])
    return table.assign(task="verification", metric="auc", chance=0.5, n=600, bad_files=2)


def test_a_curve_for_each_run_and_kernel(table):
    curves = sweep_figure(table, "t").data
    assert [curve.name for curve in curves] == [
        *("lehrer ü (area)", "lehrer ü (bicubic)"),
        *("&lt;b&gt;schüler&lt;/b&gt; (area)", "&lt;b&gt;schüler&lt;/b&gt; (bicubic)"),
    ]
    assert list(curves[0].x) == pytest.approx([8, (14 * 16) ** 0.5, 56])
    assert list(curves[0].y) == [0.5, 0.6, 0.9]
    assert list(curves[0].customdata) == ["8", "14x16", "56"]
    assert list(curves[0].error_y.array) == pytest.approx([0.1] * 3)
    # Kernels are told apart by the dash, runs by colour and symbol.
    assert curves[0].line.dash != curves[1].line.dash
    assert curves[0].line.color == curves[1].line.color != curves[2].line.color
    assert curves[0].marker.symbol != curves[2].marker.symbol


def test_chance_is_a_line_where_all_agree(table):
    (line,) = sweep_figure(table, "t").layout.shapes
    assert line.y0 == line.y1 == 0.5
    table.loc[0, "chance"] = 0.1
    assert not sweep_figure(table, "t").layout.shapes
    assert not sweep_figure(table.assign(chance=None), "t").layout.shapes


def test_one_probe_without_intervals(table):
    (curve,) = sweep_figure(table.head(1).assign(low=None, high=None), "t").data
    assert curve.error_y.array is None and list(curve.y) == [0.9]


def test_page(table, tmp_path):
    other = table.assign(task="posture", metric="accuracy", low=None, high=None)
    page = write_sweep_report(tmp_path / "größe" / "s.html", pd.concat([table, other]), "<Probe>")
    text = page.read_text(encoding="utf-8")
    for part in ("&lt;Probe&gt;", "verification: auc", "posture: accuracy", "14x16", "left out: 2"):
        assert part in text
    assert "0.500–0.700" in text and "<b>schüler" not in text
    assert 'src="http' not in text
