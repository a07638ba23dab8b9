"""Plotly figures about ages and about several tasks in one network, from plain arrays."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from mtl_lowres.report.plots import BLUE, GREY, SKY, VERMILLION, finish


def ages_figure(truth: ArrayLike, prediction: ArrayLike, title: str = "Ages") -> go.Figure:
    """Return predicted against true values, with the diagonal of a perfect answer.

    Args:
        truth: true values in years [n].
        prediction: predicted values in years [n].
        title: title of the figure.
    """
    truth, prediction = np.asarray(truth, float), np.asarray(prediction, float)
    highest = max(truth.max(initial=1.0), prediction.max(initial=1.0))
    figure = go.Figure(
        go.Scatter(
            x=[0, highest],
            y=[0, highest],
            mode="lines",
            name="perfect",
            line={"color": GREY, "dash": "dash"},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=truth,
            y=prediction,
            mode="markers",
            name="one sample",
            marker={"color": BLUE, "size": 5, "opacity": 0.5},
            hovertemplate="true %{x:.1f}<br>predicted %{y:.1f} years<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="true age (years)")
    figure.update_yaxes(title_text="predicted age (years)")
    return finish(figure, title, height=460)


def age_bands_figure(bands: Sequence[Mapping], title: str = "Error by age") -> go.Figure:
    """Return the mean absolute error of each band of ages as bars.

    Args:
        bands: dicts with "band" (text), "mae_years" and "n" (samples).
        title: title of the figure.
    """
    figure = go.Figure(
        go.Bar(
            x=[escape(band["band"]) for band in bands],
            y=[band["mae_years"] for band in bands],
            text=[f"n={band['n']}" for band in bands],
            marker={"color": SKY},
            hovertemplate="%{x} years: %{y:.2f} years off, %{text}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="true age (years)", type="category")
    figure.update_yaxes(title_text="mean absolute error (years)")
    return finish(figure, title, height=360)


def lengths_figure(buckets: Sequence[Mapping], metric: str, title: str) -> go.Figure:
    """Return a figure of shorter and longer videos as bars.

    Args:
        buckets: dicts with "shortest", "longest" (frames), "n" (samples) and the metric.
        metric: name of a figure in every bucket.
        title: title of the figure.
    """
    figure = go.Figure(
        go.Bar(
            x=[extent(bucket) for bucket in buckets],
            y=[bucket[metric] for bucket in buckets],
            text=[f"n={bucket['n']}" for bucket in buckets],
            marker={"color": SKY},
            hovertemplate="%{x} frames: %{y:.3f}, %{text}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="frames of the video (or units)", type="category")
    figure.update_yaxes(title_text=metric, rangemode="tozero")
    return finish(figure, title, height=340)


def extent(bucket: Mapping) -> str:
    """Return the lengths in a bucket as text, such as "12–40"."""
    lengths = bucket["shortest"], bucket["longest"]
    return "–".join(map(str, dict.fromkeys(lengths)))


def weights_figure(weights: Mapping[str, ArrayLike], title: str = "Task weights") -> go.Figure:
    """Return the weight of every task's loss over the epochs.

    Args:
        weights: task -> one weight an epoch.
        title: title of the figure.
    """
    figure = go.Figure()
    for task, values in weights.items():
        epochs = np.arange(1, 1 + len(values))
        mode = "lines+markers" if len(epochs) <= 30 else "lines"
        figure.add_trace(go.Scatter(x=epochs, y=np.asarray(values), mode=mode, name=escape(task)))
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(title_text="weight of the loss", rangemode="tozero")
    return finish(figure, title, height=340)


def joint_figure(rows: Sequence[Mapping], title: str = "One network or several") -> go.Figure:
    """Return each task's change of the joint network against its own network, in per cent.

    Args:
        rows: dicts with "task", "metric" and "change" (per cent; above 0 the joint one is better).
        title: title of the figure.
    """
    changes = [row["change"] for row in rows]
    figure = go.Figure(
        go.Bar(
            x=changes,
            y=[escape(f"{row['task']} ({row['metric']})") for row in rows],
            orientation="h",
            text=[f"{change:+.1f} %" for change in changes],
            marker={"color": [BLUE if change >= 0 else VERMILLION for change in changes]},
        )
    )
    figure.update_xaxes(title_text="change by sharing one network (%, right is better)")
    figure.update_yaxes(autorange="reversed", type="category")
    return finish(figure, title, height=140 + 50 * max(2, len(changes)))
