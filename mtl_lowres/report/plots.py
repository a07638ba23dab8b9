"""Plotly figures from plain arrays: curves, confusions, per-class scores, example images.

Colours are those of Okabe and Ito (2008), which readers with any common colour vision tell apart;
no figure relies on colour alone.
"""

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from mtl_lowres.report.images import png_data_uri

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, GREY = "#56B4E9", "#CC79A7", "#7F7F7F"

_AXIS = {
    "showgrid": True,
    "gridcolor": "#E3E6EA",
    "zeroline": False,
    "linecolor": "#B8BEC6",
    "automargin": True,
    "title": {"standoff": 10, "font": {"size": 12}},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#2B3038"},
        "title": {"font": {"size": 16}, "x": 0, "xref": "paper", "xanchor": "left"},
        "colorway": [BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, GREY],
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        "modebar": {"remove": ["select2d", "lasso2d"]},
        "margin": {"l": 70, "r": 20, "t": 70, "b": 60},
    }
)

# Steep at the start: a class mistaken once in twenty times should already be seen.
_SHARE_SCALE = [
    [0, "#FFFFFF"],
    [0.02, "#E6F1F7"],
    [0.1, "#B2D5E8"],
    [0.5, "#4C9CC9"],
    [1, BLUE],
]
_LEARNING_RATES = ("lr", "learning_rate")
_MOST_TICKS = 60
_MOST_CELLS_WITH_TEXT = 15
_LONGEST_LABEL = 24


def history_figure(
    history: Mapping[str, ArrayLike], chosen_epoch: int | None = None, title: str = "Training"
) -> go.Figure:
    """Return one panel a quantity, its training and validation curves together.

    Args:
        history: column name to one number an epoch, as Keras names them: `loss` and `val_loss`,
            `posture_accuracy`, `lr`, ... Missing values leave gaps. The column `epoch` gives the
            x values; without it epochs count from 1.
        chosen_epoch: epoch whose weights were kept, marked in every panel.
        title: title of the figure.
    """
    curves = {name: np.asarray(column, float) for name, column in history.items()}
    epochs = curves.pop("epoch", None)
    if epochs is None:
        epochs = np.arange(1, 1 + max(map(len, curves.values()), default=0))
    # The learning rate explains the other panels: it comes last.
    quantities = sorted(
        dict.fromkeys(name.removeprefix("val_") for name in curves),
        key=lambda name: name in _LEARNING_RATES,
    )
    columns = min(2, len(quantities)) or 1
    rows = max(1, math.ceil(len(quantities) / columns))
    figure = make_subplots(rows, columns, vertical_spacing=0.28 / rows, horizontal_spacing=0.12)
    for position, quantity in enumerate(quantities):
        place = {"row": position // columns + 1, "col": position % columns + 1}
        for line in _curves(quantity, curves, epochs):
            shown = line.name not in {drawn.name for drawn in figure.data}
            figure.add_trace(line.update(showlegend=shown), **place)
        figure.update_xaxes(title_text="epoch", **place)
        figure.update_yaxes(title_text=_with_unit(quantity), **place)
        if quantity in _LEARNING_RATES:
            figure.update_yaxes(type="log", exponentformat="power", **place)
    if chosen_epoch is not None:
        figure.add_vline(x=chosen_epoch, line={"color": VERMILLION, "dash": "dash", "width": 1.5})
        title += f" (dashed: weights kept, epoch {chosen_epoch})"
    return finish(figure, title, height=110 + 250 * rows)


def confusion_figure(
    matrix: ArrayLike, class_names: Sequence[str], title: str = "Confusion"
) -> go.Figure:
    """Return the confusion matrix, each cell shaded by its share of the true class.

    Args:
        matrix: counts [classes, classes]; row = truth, column = prediction.
        class_names: one name a class.
        title: title of the figure.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [html.escape(name) for name in class_names]
    positions = np.arange(len(names))
    text = np.where(counts > 0, counts.astype(str), "")
    hover = np.empty((*counts.shape, 3), object)
    hover[..., 0], hover[..., 1], hover[..., 2] = np.array(names)[:, None], names, counts
    heatmap = go.Heatmap(
        x=positions,
        y=positions,
        z=shares,
        zmin=0,
        zmax=1,
        colorscale=_SHARE_SCALE,
        colorbar={
            "title": {"text": "share of the true class", "side": "right"},
            "tickformat": ".0%",
            "thickness": 14,
        },
        xgap=1,
        ygap=1,
        customdata=hover,
        hovertemplate="truth %{customdata[0]}<br>prediction %{customdata[1]}<br>"
        "%{customdata[2]} samples, %{z:.1%}<extra></extra>",
    )
    if len(names) <= _MOST_CELLS_WITH_TEXT:
        heatmap.update(text=text, texttemplate="%{text}")
    figure = go.Figure(heatmap)
    ticks = _class_ticks(class_names)
    figure.update_xaxes(title_text="predicted class", tickangle=-60, **ticks)
    figure.update_yaxes(title_text="true class", autorange="reversed", **ticks)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False)
    return finish(figure, title, height=300 + min(900, max(160, 18 * len(names))))


def per_class_figure(per_class: Sequence[Mapping], title: str = "F1 of each class") -> go.Figure:
    """Return bars of F1 with precision and recall marked, the weakest class on top.

    Args:
        per_class: dicts with "name", "precision", "recall", "f1" (0 to 1) and "support" (samples).
            Classes without a sample are left out: their scores mean nothing.
        title: title of the figure.
    """
    shown = sorted((row for row in per_class if row["support"]), key=lambda row: row["f1"])
    positions = np.arange(len(shown))
    names = [html.escape(row["name"]) for row in shown]
    hover = [
        f"{name}<br>F1 {row['f1']:.3f}<br>precision {row['precision']:.3f}<br>"
        f"recall {row['recall']:.3f}<br>{row['support']} samples"
        for name, row in zip(names, shown, strict=True)
    ]
    common = {"y": positions, "hovertext": hover, "hoverinfo": "text"}
    figure = go.Figure(
        go.Bar(
            x=[row["f1"] for row in shown],
            orientation="h",
            name="F1",
            marker={"color": GREY, "opacity": 0.45},
            **common,
        )
    )
    for score, symbol, colour in (
        ("precision", "triangle-right", VERMILLION),
        ("recall", "circle-open", BLUE),
    ):
        values = [row[score] for row in shown]
        marker = {
            "color": colour,
            "symbol": symbol,
            "size": 9,
            "line": {"width": 2, "color": colour},
        }
        figure.add_trace(go.Scatter(x=values, mode="markers", name=score, marker=marker, **common))
    figure.update_xaxes(title_text="score (0 to 1)", range=[0, 1.03])
    figure.update_yaxes(title_text="true class", autorange="reversed", showgrid=False)
    figure.update_yaxes(**_class_ticks([row["name"] for row in shown]))
    return finish(figure, title, height=170 + 20 * max(4, len(shown)))


def seeds_figure(summary: Mapping[str, Mapping], title: str = "Spread over seeds") -> go.Figure:
    """Return one row a metric: every seed's value, the mean and one standard deviation around it.

    Args:
        summary: {metric: {"mean", "std" (None for one seed), "n", "values"}}, each metric 0 to 1.
        title: title of the figure.
    """
    figure = go.Figure()
    for metric, entry in summary.items():
        name = html.escape(metric)
        figure.add_trace(
            go.Scatter(
                x=entry["values"],
                y=[name] * entry["n"],
                mode="markers",
                name="one seed",
                marker={"color": SKY, "size": 9},
                showlegend=not figure.data,
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[entry["mean"]],
                y=[name],
                error_x={"type": "data", "array": [entry["std"] or 0], "thickness": 2, "width": 8},
                mode="markers",
                name="mean ± standard deviation",
                marker={"color": VERMILLION, "symbol": "diamond", "size": 11},
                showlegend=len(figure.data) == 1,
            )
        )
    figure.update_xaxes(title_text="score (0 to 1)")
    figure.update_yaxes(title_text="metric", autorange="reversed")
    return finish(figure, title, height=170 + 55 * max(1, len(summary)))


def example_pairs_figure(
    examples: Sequence[Mapping], pairs_per_row: int = 3, title: str = "Examples"
) -> go.Figure:
    """Return each example's high- and low-resolution image side by side, with hard pixels.

    Args:
        examples: dicts with "high" and "low" (uint8 RGB [h, w, 3] or grey [h, w]), "truth",
            "prediction" (class names) and "confidence" (0 to 1).
        pairs_per_row: pairs in a row of the figure.
        title: title of the figure.
    """
    rows = max(1, math.ceil(len(examples) / pairs_per_row))
    captions = [
        caption
        for example in examples
        for caption in (f"truth {_label(example['truth'])}", _prediction_caption(example))
    ]
    figure = make_subplots(rows, 2 * pairs_per_row, subplot_titles=captions, vertical_spacing=0.06)
    for position, example in enumerate(examples):
        row, first = position // pairs_per_row + 1, 2 * (position % pairs_per_row) + 1
        for column, key in ((first, "high"), (first + 1, "low")):
            picture = go.Image(source=png_data_uri(example[key], longest=256), hoverinfo="skip")
            figure.add_trace(picture, row, column)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_annotations(font_size=12)
    return finish(figure, title, height=90 + 210 * rows)


def _curves(quantity: str, curves: Mapping[str, np.ndarray], epochs: np.ndarray) -> list:
    lines = []
    for name, kind, colour, dash in (
        (quantity, "training", SKY, "dot"),
        (f"val_{quantity}", "validation", BLUE, "solid"),
    ):
        if name in curves:
            line = go.Scatter(
                x=epochs,
                y=curves[name],
                mode="lines+markers" if len(epochs) <= 30 else "lines",
                name=kind,
                legendgroup=kind,
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{html.escape(name)} %{{y:.5g}}<br>epoch %{{x}}<extra></extra>",
            )
            lines.append(line)
    return lines


def _prediction_caption(example: Mapping) -> str:
    mark = "✓" if example["prediction"] == example["truth"] else "✗"
    return f"{mark} {_label(example['prediction'])} ({example['confidence']:.2f})"


def _with_unit(quantity: str) -> str:
    if quantity.endswith(("accuracy", "f1", "precision", "recall")):
        return f"{html.escape(quantity)} (0 to 1)"
    return html.escape(quantity)


def _class_ticks(names: Sequence[str]) -> dict:
    """Ticks by position: as categories, "1" and "2" would turn into numbers."""
    step = max(1, math.ceil(len(names) / _MOST_TICKS))
    labels = [_label(name) for name in names[::step]]
    return {"tickvals": list(range(0, len(names), step)), "ticktext": labels}


def _label(name: str) -> str:
    """A name as plotly may print it: not as markup, and not so long that no room is left."""
    short = name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
    return html.escape(short)


def finish(figure: go.Figure, title: str, height: int) -> go.Figure:
    """Return the figure with the style that all figures share."""
    return figure.update_layout(template=TEMPLATE, title_text=html.escape(title), height=height)
