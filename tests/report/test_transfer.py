"""The page about feature transfer."""

import numpy as np
import pytest

from mtl_lowres.report.transfer import (
    PUBLISHED_GRID,
    classes_figure,
    grid_figure,
    projection_figure,
    write_transfer_report,
)

INPUTS = {"hr": 0.9, "lr": 0.7, "transferred": 0.75, "transferred + lr": None}


def _figures(value):
    classes = {"mer <sea>": value, "berg": None if value is None else value - 0.1, "none": None}
    return {
        "mean_ap_area": value,
        "mean_ap_area_std": 0.0123,
        "mean_ap_11_point": value,
        "per_class": [
            {"name": name, "ap_area": ap, "ap_11_point": ap, "positives": 7, "n": 20}
            for name, ap in classes.items()
        ],
        "n": 20,
        "gap_closed": {} if value is None else {"mean_ap_area": (value - 0.7) / 0.2},
    }


TABLE = {name: _figures(value) for name, value in INPUTS.items()}
GRID = [
    {"fc1": 512, "fc2": 5, "value": 0.85},
    {"fc1": 64, "fc2": 5, "value": 0.65},
    {"fc1": 64, "fc2": 9, "value": None},
]


def test_page_holds_figures_gap_classes_and_grid(tmp_path):
    page = write_transfer_report(
        tmp_path / "ü" / "r.html",
        {"scène <1>": TABLE},
        settings={"degrade": "bicubic(16)"},
        points={"HR": np.zeros((2, 2)), "LR": np.ones((2, 2))},
        classes=["mer <sea>", "berg"],
        history={"loss": [2.0, 1.0], "same_cluster": [0.1, 0.2]},
        grid=GRID,
    )
    text = page.read_text(encoding="utf-8")
    for part in ("bicubic(16)", "0.7500 ± 0.0123", "25.0%", "mAP (11 points)", "0.6500", "17 %"):
        assert part in text
    assert "fc1 512, fc2 5, mAP 0.8500" in text and "Transfer network" in text
    assert "macro F1" not in text
    assert "mer &lt;sea&gt;" in text and "<sea>" not in text
    assert 'src="http' not in text


def test_page_without_anything_but_a_grid(tmp_path):
    text = write_transfer_report(tmp_path / "r.html", {}, grid=GRID[2:]).read_text("utf-8")
    assert "Width and clusters" in text and "Best:" not in text
    assert "t-SNE" not in text.split("<script>")[0]


def test_grid_stands_beside_the_published_one_on_one_scale():
    published, measured = grid_figure(GRID).data
    assert published.z.shape == (6, 5)
    assert (published.z[0, 0], published.z[1, 4], published.z[5, 4]) == (0.704, 0.8, 0.794)
    np.testing.assert_array_equal(measured.z, [[0.65, 0.85], [np.nan, np.nan]])
    for heatmap in (published, measured):
        assert (heatmap.zmin, heatmap.zmax) == (0.65, 0.85)
        # As many steps as the page has colours for.
        assert len(heatmap.colorscale) == 5
    axes = grid_figure(GRID).layout
    assert list(axes.xaxis2.ticktext) == ["64", "512"]
    assert list(axes.yaxis2.ticktext) == ["5", "9"]


def test_published_grid_peaks_where_the_paper_says():
    """Wider fc1 always helps; chosen fc1 4096 and fc2 100 reach the best."""
    values = {(cell["fc1"], cell["fc2"]): cell["value"] for cell in PUBLISHED_GRID}
    assert len(values) == 30 and max(values.values()) == values[4096, 100] == 0.8
    for fc2 in (20, 100, 200, 500, 1000, 2048):
        row = [values[fc1, fc2] for fc1 in (256, 512, 1024, 2048, 4096)]
        assert row == sorted(row)


def test_classes_are_marked_for_each_input():
    figure = classes_figure(TABLE)
    assert [trace.name for trace in figure.data] == list(INPUTS)
    assert list(figure.layout.yaxis.ticktext) == ["berg", "mer &lt;sea&gt;"]
    assert list(figure.data[2].x) == pytest.approx([0.65, 0.75])
    assert list(figure.data[3].x) == [None, None]
    assert len({trace.marker.symbol for trace in figure.data}) == len(INPUTS)


def test_projection_has_a_panel_for_each_and_tells_many_classes_apart():
    classes = [f"class {label}" for label in range(20)]
    points = {name: np.arange(40.0).reshape(20, 2) for name in ("HR", "LR", "transferred")}
    figure = projection_figure(points, classes)
    assert len(figure.data) == 60
    assert [trace.name for trace in figure.data if trace.showlegend] == sorted(classes)
    looks = {(trace.marker.color, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == 20
    (last,) = (t for t in figure.data if t.name == "class 7" and t.xaxis == "x3")
    assert (last.x[0], last.y[0]) == (14, 15)
