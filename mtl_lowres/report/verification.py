"""Verification as figures and as one self-contained page."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from mtl_lowres.report import sections
from mtl_lowres.report.page import write_page
from mtl_lowres.report.plots import BLUE, GREY, VERMILLION, finish

_MOST_POINTS = 2000
_BINS = 60


def roc_figure(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], title: str = "ROC") -> go.Figure:
    """Return the share of same pairs accepted against that of others, on a logarithmic axis.

    Args:
        curves: name -> (false accept rates, true accept rates), ascending, as `roc_curve` gives.
        title: title of the figure.
    """
    figure = go.Figure()
    for name, (far, tar) in curves.items():
        far, tar = _corners(np.asarray(far, float), np.asarray(tar, float))
        figure.add_trace(
            go.Scatter(
                x=far,
                y=tar,
                mode="lines",
                line={"shape": "hv"},
                name=escape(name),
                hovertemplate="FAR %{x:.4f}: TAR %{y:.4f}<extra></extra>",
            )
        )
    rates = np.logspace(-4, 0, 41)
    figure.add_trace(
        go.Scatter(
            x=rates,
            y=rates,
            mode="lines",
            name="chance",
            line={"color": GREY, "dash": "dash"},
            hoverinfo="skip",
        )
    )
    lowest = min((_lowest(far) for far, _ in curves.values()), default=1e-3)
    figure.update_xaxes(title_text="false accept rate", type="log", range=[np.log10(lowest), 0])
    figure.update_yaxes(title_text="true accept rate", range=[0, 1.01])
    return finish(figure, title, height=460)


def scores_figure(scores: ArrayLike, same: ArrayLike, title: str = "Scores") -> go.Figure:
    """Return how the scores of both kinds of pairs are spread, as outlines.

    Args:
        scores: of the pairs [n].
        same: 1 where a pair shows one person, 0 where it shows two [n].
        title: title of the figure.
    """
    scores, same = np.asarray(scores, float), np.asarray(same)
    edges = np.histogram_bin_edges(scores, _BINS)
    figure = go.Figure()
    for kind, name, colour, dash in (
        (1, "one person", BLUE, "solid"),
        (0, "two people", VERMILLION, "dot"),
    ):
        counts, _ = np.histogram(scores[same == kind], edges)
        figure.add_trace(
            go.Scatter(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                mode="lines",
                name=name,
                line={"shape": "hvh", "color": colour, "dash": dash},
                hovertemplate="score %{x:.3f}: %{y} pairs<extra>" + name + "</extra>",
            )
        )
    figure.update_xaxes(title_text="score")
    figure.update_yaxes(title_text="pairs", rangemode="tozero")
    return finish(figure, title, height=360)


def write_verification_report(
    path: str | Path,
    figures: Mapping,
    curve: tuple[ArrayLike, ArrayLike],
    scores: ArrayLike,
    same: ArrayLike,
    settings: Mapping[str, object],
    title: str = "Verification",
) -> Path:
    """Write the page and return its path.

    Args:
        path: file to write.
        figures: what `verification_metrics` returns.
        curve: (false accept rates, true accept rates).
        scores: of the pairs [n].
        same: 1 or 0 a pair [n].
        settings: name -> value, shown at the top.
        title: title of the page.
    """
    note = (
        f"{figures['pairs']} pairs in {len(figures['thresholds'])} folds. The threshold of a fold "
        "was chosen on the other folds. Intervals are from resampling pairs; a person is in "
        "several, so that they are rather too narrow."
    )
    folds = [
        [fold, sections.number(figures["fold_accuracies"][fold]), sections.number(threshold)]
        for fold, threshold in figures["thresholds"].items()
    ]
    body = [
        f"<h1>{escape(title)}</h1>{sections.chips(settings)}{sections.notice(note)}",
        sections.cards(figures, f"{figures['pairs']} pairs", {}),
        "<h2>Curves</h2>",
        sections.plot(roc_figure({title: curve}, "True against false accepts")),
        sections.plot(scores_figure(scores, same, "Scores of both kinds of pairs")),
        f"<h2>Folds</h2>{sections.table(['fold', 'accuracy', 'threshold'], folds)}",
    ]
    return write_page(path, title, body)


def _corners(far: np.ndarray, tar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points at which the curve turns, no more than can be seen."""
    highest = np.append(np.diff(far) > 0, True)  # the best point of each false accept rate
    far, tar = far[highest], tar[highest]
    # Even steps on the axis, which is logarithmic.
    steps = np.unique(np.geomspace(1, len(far), _MOST_POINTS).astype(int)) - 1
    return far[steps], tar[steps]


def _lowest(far: ArrayLike) -> float:
    """Return the lowest rate above 0, which a logarithmic axis can show."""
    far = np.asarray(far, float)
    return float(max(far[far > 0].min(initial=1e-1), 1e-6))
