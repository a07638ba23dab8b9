"""One self-contained page about unsupervised feature transfer, and its figures."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from mtl_lowres.report import sections
from mtl_lowres.report.page import write_page
from mtl_lowres.report.plots import TEMPLATE, finish, history_figure

# mAP on VOC2007's test images (arXiv 1908.10012): a row for each fc2, a column for each fc1.
_PUBLISHED_FC1 = (256, 512, 1024, 2048, 4096)
_PUBLISHED_ROWS = {
    20: (0.704, 0.741, 0.771, 0.786, 0.800),
    100: (0.718, 0.752, 0.768, 0.789, 0.800),
    200: (0.727, 0.746, 0.771, 0.788, 0.800),
    500: (0.717, 0.743, 0.766, 0.784, 0.795),
    1000: (0.713, 0.743, 0.762, 0.783, 0.793),
    2048: (0.718, 0.739, 0.765, 0.783, 0.794),
}
PUBLISHED_GRID = tuple(
    {"fc1": fc1, "fc2": fc2, "value": value}
    for fc2, row in _PUBLISHED_ROWS.items()
    for fc1, value in zip(_PUBLISHED_FC1, row, strict=True)
)

_METRICS = {
    "mean_ap_area": "mAP (area)",
    "mean_ap_11_point": "mAP (11 points)",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
}
_GAP_METRIC = "mean_ap_area"
_SYMBOLS = ("circle", "diamond", "square", "cross", "x", "triangle-up", "star")
# The page's script gives each step the colour that suits a dark or a light page.
_VALUE_SCALE = [[0, "#FFFFFF"], [0.25, "#E6F1F7"], [0.5, "#B2D5E8"], [0.75, "#4C9CC9"]]
_VALUE_SCALE += [[1, "#0072B2"]]


def grid_figure(grid: Sequence[Mapping], title: str = "mAP by width and clusters") -> go.Figure:
    """Return the measured mAP over fc1 and fc2 beside the published one, on one colour scale.

    Args:
        grid: dicts with `fc1`, `fc2` and `value`, the mAP (0 to 1), or None where it failed.
        title: title of the figure.
    """
    panels = {"published (VOC2007, ResNet-101)": PUBLISHED_GRID, "measured": grid}
    figure = make_subplots(1, 2, subplot_titles=list(panels), horizontal_spacing=0.14)
    values = [cell["value"] for cells in panels.values() for cell in cells]
    known = [value for value in values if value is not None]
    for column, (name, cells) in enumerate(panels.items(), 1):
        heatmap, ticks = _heatmap(cells)
        heatmap.update(name=name, zmin=min(known), zmax=max(known), showscale=column == 2)
        figure.add_trace(heatmap, 1, column)
        place = {"row": 1, "col": column, "showgrid": False}
        figure.update_xaxes(title_text="fc1 (units)", **ticks["x"], **place)
        figure.update_yaxes(title_text="fc2 (clusters)", **ticks["y"], **place)
    return finish(figure, title, height=460)


def classes_figure(
    figures: Mapping[str, Mapping], title: str = "Average precision of each class"
) -> go.Figure:
    """Return the average precision (area) of each class, a mark an input, the weakest on top.

    Args:
        figures: input -> dict with `per_class`, as `retrieval_figures` returns; classes are ordered
            by the input `lr`, or by the first. A class without a sample is left out.
        title: title of the figure.
    """
    columns = {
        name: {row["name"]: row["ap_area"] for row in own["per_class"]}
        for name, own in figures.items()
    }
    first = columns.get("lr", next(iter(columns.values())))
    names = sorted((name for name in first if first[name] is not None), key=first.get)
    figure = go.Figure()
    for place, (name, column) in enumerate(columns.items()):
        marks = go.Scatter(
            x=[column[label] for label in names],
            y=np.arange(len(names)),
            mode="markers",
            name=escape(name),
            marker={"symbol": _SYMBOLS[place % len(_SYMBOLS)], "size": 10},
            text=[escape(label) for label in names],
            hovertemplate="%{text}: %{x:.3f}<extra>" + escape(name) + "</extra>",
        )
        figure.add_trace(marks)
    figure.update_xaxes(title_text="average precision (0 to 1)")
    ticks = {"tickvals": list(range(len(names))), "ticktext": [escape(name) for name in names]}
    figure.update_yaxes(autorange="reversed", **ticks)
    return finish(figure, title, height=200 + 24 * len(names))


def projection_figure(
    points: Mapping[str, ArrayLike], classes: Sequence[str], title: str = "t-SNE of the features"
) -> go.Figure:
    """Return the same samples as points, a panel for each kind of features, coloured by class.

    Args:
        points: name of the panel -> [n, 2].
        classes: name of the class of each sample [n].
        title: title of the figure.
    """
    names = [escape(name) for name in points]
    figure = make_subplots(1, len(points), subplot_titles=names, horizontal_spacing=0.03)
    labels = np.asarray(classes, str)
    known = sorted(set(labels))
    colours = TEMPLATE.layout.colorway
    for column, panel in enumerate(points.values(), 1):
        panel = np.asarray(panel, float)
        for place, label in enumerate(known):
            rows = labels == label
            # Classes that share a colour differ in their symbols.
            marker = {
                "color": colours[place % len(colours)],
                "symbol": _SYMBOLS[place // len(colours) % len(_SYMBOLS)],
                "size": 5,
                "opacity": 0.75,
            }
            marks = go.Scatter(
                x=panel[rows, 0],
                y=panel[rows, 1],
                mode="markers",
                name=escape(label),
                legendgroup=label,
                showlegend=column == 1,
                marker=marker,
                hovertemplate=escape(label) + "<extra></extra>",
            )
            figure.add_trace(marks, 1, column)
    figure.update_xaxes(showgrid=False, showticklabels=False)
    figure.update_yaxes(showgrid=False, showticklabels=False)
    finish(figure, title, height=460)
    return figure.update_layout(legend={"y": -0.05, "yanchor": "top"})


def write_transfer_report(
    path: str | Path,
    figures: Mapping[str, Mapping[str, Mapping]],
    *,
    settings: Mapping[str, object] | None = None,
    points: Mapping[str, ArrayLike] | None = None,
    classes: Sequence[str] | None = None,
    history: Mapping[str, ArrayLike] | None = None,
    grid: Sequence[Mapping] | None = None,
    title: str = "Unsupervised feature transfer",
) -> Path:
    """Write the page and return its path; what is None is left out.

    Args:
        path: file to write.
        figures: name of the task (or tasks) -> what `compare_inputs` returns. A `<metric>_std`
            beside a metric is shown as its deviation over seeds.
        settings: name -> value, shown at the top.
        points: "HR", "LR", "transferred" -> [n, 2], as `project` gives.
        classes: name of the class of each of the n points.
        history: column -> one number an epoch of the fit; see `plots.history_figure`.
        grid: mAP over fc1 and fc2; see `grid_figure`.
        title: title of the page.
    """
    body = [
        f"<h1>{escape(title)}</h1>{sections.chips(settings or {})}",
        sections.notice(
            "Linear SVMs on several inputs, measured on the test rows. The network that transfers "
            "features was trained without any label. Gap closed: how far an input comes from the "
            "features of low-resolution images (lr, 0 %) to those of the originals (hr, 100 %); "
            "– where the two differ by no more than chance."
        ),
        *(_task_section(name, inputs) for name, inputs in figures.items()),
        _grid_section(grid),
    ]
    if points:
        body += ["<h2>Features</h2>", sections.plot(projection_figure(points, classes))]
        body.append(
            '<p class="muted">Near points are alike; distances between groups say little.</p>'
        )
    if history:
        body += ["<h2>Fit</h2>", sections.plot(history_figure(history, title="Transfer network"))]
    return write_page(path, title, body)


def _task_section(name: str, inputs: Mapping[str, Mapping]) -> str:
    metrics = [metric for metric in _METRICS if any(metric in own for own in inputs.values())]
    headers = ["input of the SVM", *(_METRICS[metric] for metric in metrics), "gap closed (mAP)"]
    rows = [
        [source, *(_figure(own, metric) for metric in metrics), _gap(own)]
        for source, own in inputs.items()
    ]
    by_class = sections.table(["class", "images", *inputs], _class_rows(inputs))
    return (
        f"<h2>{escape(name)}</h2>{sections.table(headers, rows)}"
        '<p class="muted">Published on VOC2007, mAP: hr 0.891, lr 0.781, transferred 0.800, which '
        "is 17 % of the gap.</p>"
        + sections.plot(classes_figure(inputs, f"{name}: average precision of each class"))
        + f"<details><summary>As a table (area)</summary>{by_class}</details>"
    )


def _class_rows(inputs: Mapping[str, Mapping]) -> list[list]:
    tables = [own["per_class"] for own in inputs.values()]
    return [
        [rows[0]["name"], rows[0]["positives"], *(sections.number(r["ap_area"]) for r in rows)]
        for rows in zip(*tables, strict=True)
    ]


def _grid_section(grid: Sequence[Mapping] | None) -> str:
    if not grid:
        return ""
    known = [cell for cell in grid if cell["value"] is not None]
    best = max(known, key=lambda cell: cell["value"], default=None)
    text = "Published best: fc1 4096, fc2 20 to 200, mAP 0.800."
    if best is not None:
        text = (
            f"Best: fc1 {best['fc1']}, fc2 {best['fc2']}, mAP {best['value']:.4f}; cells are "
            f"compared on the test rows, so that this one flatters. {text}"
        )
    return (
        f"<h2>Width and clusters</h2>{sections.plot(grid_figure(grid))}"
        f'<p class="muted">{escape(text)}</p>'
    )


def _heatmap(cells: Sequence[Mapping]) -> tuple[go.Heatmap, dict[str, dict]]:
    """Return the cells as a heat map over positions, and what its axes say there."""
    widths = sorted({cell["fc1"] for cell in cells})
    clusters = sorted({cell["fc2"] for cell in cells})
    values = np.full((len(clusters), len(widths)), np.nan)
    for cell in cells:
        if cell["value"] is not None:
            values[clusters.index(cell["fc2"]), widths.index(cell["fc1"])] = cell["value"]
    heatmap = go.Heatmap(
        z=values,
        colorscale=_VALUE_SCALE,
        colorbar={"title": {"text": "mAP", "side": "right"}, "thickness": 14},
        xgap=1,
        ygap=1,
        texttemplate="%{z:.3f}",
        customdata=np.dstack(np.meshgrid(widths, clusters)),
        hovertemplate="fc1 %{customdata[0]}, fc2 %{customdata[1]}: %{z:.4f}<extra></extra>",
    )
    ticks = {
        axis: {"tickvals": list(range(len(sizes))), "ticktext": list(map(str, sizes))}
        for axis, sizes in (("x", widths), ("y", clusters))
    }
    return heatmap, ticks


def _figure(figures: Mapping, metric: str) -> str:
    deviation = figures.get(f"{metric}_std")
    spread = "" if deviation is None else f" ± {deviation:.4f}"
    return sections.number(figures.get(metric)) + spread


def _gap(figures: Mapping) -> str:
    share = figures["gap_closed"].get(_GAP_METRIC)
    return "–" if share is None else f"{share:.1%}"
