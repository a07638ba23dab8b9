"""One self-contained page about what images give away beside what they are for."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from mtl_lowres.report import sections
from mtl_lowres.report.page import write_page
from mtl_lowres.report.plots import BLUE, GREY, VERMILLION, finish

_COLOURS = {"useful": BLUE, "leak": VERMILLION}
_SYMBOLS = {"useful": "circle", "leak": "diamond"}


def tradeoff_figure(result: Mapping, title: str = "What is gained and what is given away"):
    """Return the attacker's figure against the useful one, a point a resolution.

    The best corner is the lower right. Bars are 95 % intervals, dotted lines are chance.

    Args:
        result: what `measure_privacy` returns.
        title: title of the figure.
    """
    points, metrics = _by_size(result), result["metrics"]
    useful, leak = ([point[kind] for point in points] for kind in ("useful", "leak"))
    labels = [point["resolution"] for point in points]
    figure = go.Figure(
        go.Scatter(
            x=[figures["value"] for figures in useful],
            y=[figures["value"] for figures in leak],
            error_x=_bars(useful),
            error_y=_bars(leak),
            mode="lines+markers+text",
            text=labels,
            textposition="top left",
            line={"color": GREY, "width": 1},
            marker={"color": VERMILLION, "size": 11},
            hovertemplate="%{text}<br>"
            + escape(metrics["useful"])
            + " %{x:.3f}<br>"
            + escape(metrics["leak"])
            + " %{y:.3f}<extra></extra>",
        )
    )
    chance = {"color": GREY, "dash": "dot", "width": 1.5}
    figure.add_hline(y=leak[0]["chance"], line=chance, annotation_text="guessing the person")
    figure.add_vline(x=useful[0]["chance"], line=chance)
    figure.update_xaxes(
        title_text=f"{escape(metrics['useful'])} (right is better)", range=[0, 1.03]
    )
    figure.update_yaxes(title_text=f"{escape(metrics['leak'])} (low is private)", range=[0, 1.03])
    return finish(figure, title, height=480)


def resolution_figure(result: Mapping, title: str = "By resolution") -> go.Figure:
    """Return both figures against the number of pixels, with bands and chance.

    Args:
        result: what `measure_privacy` returns.
        title: title of the figure.
    """
    points = _by_size(result)
    pixels = [point["size"][0] * point["size"][1] for point in points]
    figure = go.Figure()
    for kind, metric in result["metrics"].items():
        figures, colour = [point[kind] for point in points], _COLOURS[kind]
        if all(entry["low"] is not None for entry in figures):
            edges = [entry["low"] for entry in figures], [entry["high"] for entry in figures]
            band = go.Scatter(
                x=pixels + pixels[::-1],
                y=edges[0] + edges[1][::-1],
                fill="toself",
                fillcolor=colour,
                opacity=0.15,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
            figure.add_trace(band)
        common = {"x": pixels, "line": {"color": colour, "width": 2}, "name": escape(metric)}
        figure.add_trace(
            go.Scatter(
                y=[entry["value"] for entry in figures],
                mode="lines+markers",
                marker={"symbol": _SYMBOLS[kind], "size": 9},
                **common,
            )
        )
        common |= {"line": {"color": colour, "dash": "dot", "width": 1.5}}
        common |= {"name": f"chance of {escape(metric)}", "mode": "lines"}
        figure.add_trace(go.Scatter(y=[entry["chance"] for entry in figures], **common))
    figure.update_xaxes(
        title_text="resolution (height x width in pixels)",
        type="log",
        tickvals=pixels,
        ticktext=[point["resolution"] for point in points],
    )
    figure.update_yaxes(title_text="figure (0 to 1)", range=[0, 1.03])
    return finish(figure, title, height=430)


def write_privacy_report(
    path: str | Path,
    result: Mapping,
    links: Mapping[str, str] | None = None,
    title: str = "Identity leakage",
) -> Path:
    """Write the page and return its path.

    Args:
        path: file to write.
        result: what `measure_privacy` returns.
        links: text -> address, relative to the page, of the runs' own reports.
        title: title of the page.
    """
    metrics = result["metrics"]
    headers = ["resolution", "figure", "value", "95 % interval", "chance", "majority", "images"]
    rows = [
        [
            point["resolution"],
            metric,
            sections.number(point[kind]["value"]) + _deviation(point[kind]),
            _interval(point[kind]),
            sections.number(point[kind]["chance"]),
            sections.number(point[kind]["majority"]),
            point[kind]["n"],
        ]
        for point in result["points"]
        for kind, metric in metrics.items()
    ]
    anchors = "".join(
        f'<li><a href="{escape(str(address), quote=True)}">{escape(text)}</a></li>'
        for text, address in (links or {}).items()
    )
    body = [
        f"<h1>{escape(title)}</h1>{sections.notice(result['conclusion'])}",
        sections.plot(tradeoff_figure(result)),
        sections.plot(resolution_figure(result)),
        sections.table(headers, rows),
        *(f'<p class="muted">{escape(text)}</p>' for text in _protocol(result)),
        f"<h2>Runs</h2><ul>{anchors}</ul>" if anchors else "",
    ]
    return write_page(path, title, body)


def _protocol(result: Mapping) -> list[str]:
    """Return how the figures came about, a text a paragraph."""
    useful, leak = (result["points"][0][kind] for kind in ("useful", "leak"))
    apart, found = result["apart"], result["duplicates"]
    texts = [
        f"{result['useful']}: tested on {useful['groups']} people who are not in training; the "
        "interval is drawn over these people.",
        f"Identity: an attacker who knows {result['people']} people names them in images of values "
        f"of {apart} that it has never seen of anybody. The values are dealt to {result['folds']} "
        f"folds, tested in turn from seed to seed; {leak['groups']} values were tested, and the "
        "interval is drawn over them. Its epoch is chosen on other values, which are never tested.",
        "Majority: always answering what is most frequent in training. ± is the deviation over "
        "seeds. Who is recognised may be a person or how that person was recorded: one session "
        "each does not tell the two apart.",
    ]
    if found:
        joined = ", ".join(found["joined"]) or "none"
        texts.append(
            f"Each image counts once ({found['copies']} copies left out). People who are the same "
            f"recordings count as one person: {joined}. Images filed under several other people "
            f"are left out: {found['of_several_people']}."
        )
    return texts


def _by_size(result: Mapping) -> list[Mapping]:
    return sorted(result["points"], key=lambda point: point["size"][0] * point["size"][1])


def _bars(figures: list[Mapping]) -> dict | None:
    if any(entry["low"] is None for entry in figures):
        return None
    # A percentile interval need not hold the value itself.
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0, entry["high"] - entry["value"]) for entry in figures],
        "arrayminus": [max(0, entry["value"] - entry["low"]) for entry in figures],
        "thickness": 1.5,
        "width": 5,
    }


def _interval(figures: Mapping) -> str:
    return "–" if figures["low"] is None else f"{figures['low']:.3f}–{figures['high']:.3f}"


def _deviation(figures: Mapping) -> str:
    return "" if figures["std"] is None else f" ± {figures['std']:.4f}"
