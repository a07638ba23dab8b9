"""Plotly figure of how far a classifier's confidence can be trusted."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from mtl_lowres.report.plots import GREY, SKY, finish


def reliability_figure(reliability: Sequence[Mapping], title: str = "Reliability") -> go.Figure:
    """Return the accuracy of each bin of confidence as bars, beside the diagonal that is ideal.

    A bar below the diagonal is overconfident: its answers are right less often than they claim.

    Args:
        reliability: dicts with "low" and "high" (ends of the bin, 0 to 1), "n" (samples),
            "confidence" (their mean) and "accuracy" (share of right ones).
        title: title of the figure.
    """
    figure = go.Figure(
        go.Bar(
            x=[(row["low"] + row["high"]) / 2 for row in reliability],
            y=[row["accuracy"] for row in reliability],
            width=[row["high"] - row["low"] for row in reliability],
            customdata=[[row["confidence"], row["n"]] for row in reliability],
            name="accuracy",
            marker={"color": SKY, "line": {"color": GREY, "width": 1}},
            hovertemplate="confidence %{customdata[0]:.3f}<br>accuracy %{y:.3f}<br>"
            "%{customdata[1]} samples<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="calibrated",
            line={"color": GREY, "dash": "dash"},
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(title_text="confidence (highest probability)", range=[0, 1])
    figure.update_yaxes(title_text="share of right answers", range=[0, 1.03])
    return finish(figure, title, height=380)
