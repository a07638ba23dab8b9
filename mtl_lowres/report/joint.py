"""One self-contained page about one network for several tasks against one network each."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from mtl_lowres.report import sections, task_plots
from mtl_lowres.report.page import write_page


def write_joint_report(
    path: str | Path,
    comparison: Mapping,
    costs: Sequence[Mapping],
    title: str = "One network for all tasks",
    links: Mapping[str, str] | None = None,
) -> Path:
    """Write the page and return its path.

    Args:
        path: file to write.
        comparison: `rows` (dicts with `task`, `metric`, `chance`, `single`, `joint`, `change`;
            over seeds also `single_std`, `joint_std`, `change_std`), `delta_m` and, over seeds,
            `delta_m_std` and `seeds`.
        costs: dicts with `network`, `parameters`, `multiply_adds` and `milliseconds`.
        title: title of the page.
        links: text -> address, relative to the page, of the runs' own reports.
    """
    rows = comparison["rows"]
    headers = ["task", "metric", "chance", "one network a task", "one network", "change (%)"]
    table = [
        [
            row["task"],
            row["metric"],
            sections.number(row["chance"]),
            _with_std(row, "single", 4),
            _with_std(row, "joint", 4),
            _with_std(row, "change", 1),
        ]
        for row in rows
    ]
    cost_table = [
        [
            line["network"],
            f"{line['parameters']:,.0f}",
            f"{line['multiply_adds']:,.0f}",
            f"{line['milliseconds']:.2f}",
        ]
        for line in costs
    ]
    seeds = f" over {comparison['seeds']} seeds" if "seeds" in comparison else ""
    note = (
        f"Δm, the mean relative change over the tasks, is {_with_std(comparison, 'delta_m', 2)} % "
        f"on the test rows{seeds}: above 0 the joint network is better. No epoch was chosen there."
    )
    anchors = "".join(
        f'<li><a href="{escape(address, quote=True)}">{escape(text)}</a></li>'
        for text, address in (links or {}).items()
    )
    body = [
        f"<h1>{escape(title)}</h1>{sections.notice(note)}",
        sections.table(headers, table),
        sections.plot(task_plots.joint_figure([r for r in rows if r["change"] is not None])),
        "<h2>Cost of one sample</h2>",
        sections.table(["network", "parameters", "multiply-adds", "milliseconds"], cost_table),
        f"<h2>Runs</h2><ul>{anchors}</ul>" if anchors else "",
    ]
    return write_page(path, title, body)


def _with_std(values: Mapping, name: str, digits: int) -> str:
    deviation = values.get(f"{name}_std")
    spread = "" if deviation is None else f" ± {deviation:.{digits}f}"
    return sections.number(values[name], digits) + spread
