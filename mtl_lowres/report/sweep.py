"""Figures and page of metrics over probe resolutions."""

import math
from html import escape
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from mtl_lowres.report import sections
from mtl_lowres.report.page import write_page
from mtl_lowres.report.plots import GREY, TEMPLATE, finish

_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def sweep_figure(table: pd.DataFrame, title: str) -> go.Figure:
    """Return one metric over the probe's size, a curve for each run and kernel.

    Bars are the intervals, where there are any. A dashed line is chance, where it is known and the
    same for all runs.

    Args:
        table: rows of one task and metric, with the columns `run`, `kernel`, `height`, `width`,
            `metric`, `value`, `low`, `high` and `chance`; the last three may be empty.
        title: title of the figure.
    """
    figure = go.Figure()
    colours = {run: place for place, run in enumerate(table["run"].unique())}
    kernels = {kernel: place for place, kernel in enumerate(table["kernel"].unique())}
    for (run, kernel), rows in table.groupby(["run", "kernel"], sort=False):
        rows = rows.assign(side=_side(rows)).sort_values("side")
        figure.add_trace(
            go.Scatter(
                x=rows["side"],
                y=rows["value"],
                error_y=_interval_bars(rows),
                customdata=[_size_text(row) for row in rows.itertuples()],
                mode="lines+markers",
                name=escape(f"{run} ({kernel})"),
                line={
                    "dash": _DASHES[kernels[kernel] % len(_DASHES)],
                    "color": _colour(colours[run]),
                },
                marker={"symbol": _SYMBOLS[colours[run] % len(_SYMBOLS)], "size": 8},
                hovertemplate="%{customdata}: %{y:.4f}<extra>%{fullData.name}</extra>",
            )
        )
    chance = table["chance"].dropna().unique()
    if len(chance) == 1:
        figure.add_hline(
            y=chance[0],
            line={"color": GREY, "dash": "dash", "width": 1.5},
            annotation_text="chance",
        )
    ticks = {
        _size_text(row): side for row, side in zip(table.itertuples(), _side(table), strict=True)
    }
    figure.update_xaxes(
        title_text="probe, height x width (pixels)",
        type="log",
        tickvals=list(ticks.values()),
        ticktext=list(ticks),
    )
    figure.update_yaxes(title_text=escape(table["metric"].iloc[0]))
    return finish(figure, title, height=460)


def write_sweep_report(path: str | Path, table: pd.DataFrame, title: str = "Sweep") -> Path:
    """Write the page of a sweep, a figure for each task and metric, and return its path.

    Args:
        path: file to write.
        table: a row for each run, task, kernel, size and metric, with the columns of `sweep_figure`
            and `task`, `n` (samples or pairs) and `bad_files`.
        title: title of the page.
    """
    body = [f"<h1>{escape(title)}</h1>", _notice(table)]
    for (task, metric), rows in table.groupby(["task", "metric"], sort=False):
        meaning = sections.METRIC_MEANINGS.get(metric, "")
        body.append(f'<h2>{escape(f"{task}: {metric}")}</h2><p class="muted">{escape(meaning)}</p>')
        body.append(sections.plot(sweep_figure(rows, f"{task}: {metric} over the probe's size")))
    body.append(f"<h2>All figures</h2>{_numbers(table)}")
    return write_page(path, title, body)


def _notice(table: pd.DataFrame) -> str:
    text = (
        "Every image is brought to the probe's size by the kernel named; where the network sees "
        "more pixels, it is then enlarged by bicubic interpolation."
    )
    bad = int(table["bad_files"].max())
    if bad:
        text += f" Files that could not be read were left out: {bad}."
    return sections.notice(text)


def _numbers(table: pd.DataFrame) -> str:
    headers = ["run", "task", "kernel", "size", "metric", "value", "interval", "n", "bad files"]
    rows = [
        [
            *(row.run, row.task, row.kernel, _size_text(row), row.metric, f"{row.value:.4f}"),
            "" if pd.isna(row.low) else f"{row.low:.3f}–{row.high:.3f}",
            *(row.n, row.bad_files),
        ]
        for row in table.itertuples()
    ]
    return sections.table(headers, rows)


def _interval_bars(rows: pd.DataFrame) -> dict | None:
    if rows["low"].isna().all():
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": rows["high"] - rows["value"],
        "arrayminus": rows["value"] - rows["low"],
        "thickness": 1,
        "width": 3,
    }


def _side(rows: pd.DataFrame) -> list[float]:
    """Return the side of the square of as many pixels."""
    return [math.sqrt(row.height * row.width) for row in rows.itertuples()]


def _size_text(row) -> str:
    return str(row.height) if row.height == row.width else f"{row.height}x{row.width}"


def _colour(place: int) -> str:
    colours = TEMPLATE.layout.colorway
    return colours[place % len(colours)]
