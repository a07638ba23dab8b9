"""Pieces of the report page, each a function from plain values to HTML; every text is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from numbers import Real
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from mtl_lowres.report.images import png_data_uri

METRIC_MEANINGS = {
    "macro_f1": "mean of the per-class F1",
    "accuracy": "share of samples whose top class is right",
    "mean_ap_area": "mean over the classes of the average precision, the area under its curve",
    "one_vs_rest_accuracy": "(TP + TN) / n averaged over classes; flatters with many classes",
    "top5_accuracy": "share of samples whose class is among the top five",
    "expected_calibration_error": "mean gap between confidence and accuracy; 0 is calibrated",
    "mae_years": "mean absolute error, in years",
    "rmse_years": "root of the mean squared error, in years",
    "median_error_years": "half of the samples are nearer than this, in years",
    "bias_years": "mean of predicted minus true, in years",
    "cs@5": "share of samples at most five years off",
    "median_mae_years": "mean absolute error of always answering the median age",
    "cosine_to_teacher": "mean cosine between the embedding and the teacher's",
    "distance_correlation": "correlation of the distances between samples with the teacher's",
}


def table(headers: Sequence[str], rows: Iterable[Sequence]) -> str:
    """Return an HTML table; cells are shown with `str`."""
    head = "".join(f"<th>{escape(header)}</th>" for header in headers)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def plot(figure: go.Figure) -> str:
    """Return a place that the page's script draws the figure into."""
    # Inside a script element only "<" can end the text early.
    json = figure.to_json().replace("<", "\\u003c")
    return f'<div class="plot"><div></div><script type="application/json">{json}</script></div>'


def chips(settings: Mapping[str, object]) -> str:
    """Return a line of short `name value` labels."""
    items = "".join(
        f"<li>{escape(name)} <b>{escape(str(value))}</b></li>" for name, value in settings.items()
    )
    return f'<ul class="chips">{items}</ul>' if items else ""


def notice(text: str) -> str:
    """Return a paragraph that must not be overlooked."""
    return f'<p class="notice">{escape(text)}</p>'


def cards(metrics: Mapping, split: str, seeds: Mapping[str, Mapping]) -> str:
    """Return a card for every figure of one task on one split.

    Args:
        metrics: figures of one task, as `classification_metrics` gives them; empty where only a
            summary over seeds is known.
        split: name of the split, printed with every figure.
        seeds: {metric: {"mean", "std", "n", "values"}}, empty when one seed was run.
    """
    means = {name: summary["mean"] for name, summary in seeds.items()}
    html = ""
    for name, value in (scalars(metrics) or means).items():
        notes = [f"on {split}"]
        if name in seeds:
            notes.append(f"{mean_std(seeds[name])} over seeds")
        if interval := interval_text(metrics, name):
            notes.append(f"{metrics['interval']['level']:.0%} interval {interval}")
        notes.append(METRIC_MEANINGS.get(name, ""))
        lines = "".join(f"<small>{escape(note)}</small>" for note in notes)
        html += (
            f'<div class="card"><span>{escape(name)}</span><b>{number(value, 3)}</b>{lines}</div>'
        )
    return f'<div class="cards">{html}</div>'


def splits_table(task: str, splits: Mapping[str, Mapping]) -> str:
    """Return every figure of a task beside its values on the other splits."""
    shown = {split: tasks[task] for split, tasks in splits.items() if task in tasks}
    rows = []
    for name in dict.fromkeys(name for figures in shown.values() for name in scalars(figures)):
        cells = []
        for figures in shown.values():
            interval = interval_text(figures, name)
            cells.append(number(figures.get(name)) + (f" ({interval})" if interval else ""))
        rows.append([name, *cells, METRIC_MEANINGS.get(name, "")])
    for name, meaning in (("n", "labelled samples"), ("n_subjects", "known people")):
        rows.append([name, *(figures.get(name, "–") for figures in shown.values()), meaning])
    over = {figures["bootstrap_over"] for figures in shown.values() if figures.get("interval")}
    note = f"In parentheses: interval from resampling {' or '.join(sorted(over))}." if over else ""
    return table(["metric", *shown, "meaning"], rows) + f'<p class="muted">{note}</p>'


def example_pairs(examples: Sequence[Mapping]) -> str:
    """Return the images of each example side by side, the low-resolution one with hard pixels."""
    return '<div class="pairs">' + "".join(map(_example_pair, examples)) + "</div>"


def frequent_confusions(matrix: Sequence, names: Sequence[str], most: int = 8) -> list[tuple]:
    """Return (truth, prediction, samples, share of the truth) of the most frequent confusions."""
    counts = np.array(matrix)
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    cells = zip(*np.unravel_index(order, counts.shape), strict=True)
    return [
        (
            names[truth],
            names[wrong],
            counts[truth, wrong],
            f"{counts[truth, wrong] / totals[truth]:.1%}",
        )
        for truth, wrong in cells
        if counts[truth, wrong]
    ]


def scalars(metrics: Mapping) -> dict[str, float | None]:
    """Return the figures of a task: every float, and what is None for want of labelled samples."""
    return {
        name: value
        for name, value in metrics.items()
        if isinstance(value, float) or (value is None and name in METRIC_MEANINGS)
    }


def interval_text(metrics: Mapping, name: str) -> str:
    """Return the bootstrap interval of a figure, or an empty text."""
    interval = metrics.get("interval") or {}
    if name not in interval:
        return ""
    low, high = interval[name]
    return f"{low:.3f}–{high:.3f}"


def mean_std(summary: Mapping) -> str:
    """Return one entry of a summary over seeds as text."""
    deviation = "" if summary["std"] is None else f" ± {summary['std']:.4f}"
    return f"{summary['mean']:.4f}{deviation} (n={summary['n']})"


def number(value: float | None, digits: int = 4) -> str:
    """Return a number as text; a dash where there is none."""
    return f"{value:.{digits}f}" if isinstance(value, Real) else "–"


def _example_pair(example: Mapping) -> str:
    right = example["prediction"] == example["truth"]
    pictures = ""
    for key, longest in (("high", 192), ("low", 256)):
        height, width = example[key].shape[:2]
        alternative = escape(f"{example['truth']} at {width}×{height}", quote=True)
        pictures += (
            f'<span><img class="{key}" alt="{alternative}" '
            f'src="{png_data_uri(example[key], longest)}">{width}×{height}</span>'
        )
    return (
        f'<figure class="pair {"right" if right else "wrong"}"><div>{pictures}</div><figcaption>'
        f"<strong>{'✓' if right else '✗'} {escape(example['prediction'])}</strong> "
        f"({example['confidence']:.2f})<br>truth {escape(example['truth'])}<br>"
        f"{escape('/'.join(Path(example['path']).parts[-2:]))}</figcaption></figure>"
    )
