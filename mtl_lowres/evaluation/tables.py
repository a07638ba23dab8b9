"""Figures as text: a table for the terminal, and the cells of one."""

from collections.abc import Mapping, Sequence

import pandas as pd

from mtl_lowres.evaluation.classification import format_mean_std, summarise_seeds

_METRICS = (
    "macro_f1",
    "accuracy",
    "top5_accuracy",
    "one_vs_rest_accuracy",
    "mae_years",
    "cs@5",
    "cosine_to_teacher",
    "distance_correlation",
    "leave_one_out_rank1",
)


def figures_table(result: dict) -> str:
    """Return the figures of a run, or the mean ± deviation of several, as an aligned table.

    Args:
        result: what `train`, `train_seeds` or `evaluate` gives: `{"splits": {split: {task:
            figures}}}` or `{"summary": {split: {task: {metric: {"mean", "std"}}}}}`.
    """
    rows = []
    for split, tasks in (result.get("summary") or result["splits"]).items():
        for task, figures in tasks.items():
            cells = {metric: _cell(figures[metric]) for metric in _METRICS if metric in figures}
            rows.append({"split": split, "task": task, **cells})
    if not rows:
        return "no held-out rows: nothing measured (give rows the split val or test)"
    return pd.DataFrame(rows).to_string(index=False, na_rep="")


def seed_columns(runs: Sequence[Mapping], digits: int = 4) -> dict[str, str]:
    """Return the mean ± deviation of every figure over runs that differ in the seed, as text.

    Args:
        runs: see `summarise_seeds`.
        digits: behind the point.

    Example:
        >>> seed_columns([{"macro_f1": 0.9}, {"macro_f1": 0.8}], 2)
        {'macro_f1': '0.85 ± 0.07 (n=2)'}
    """
    return {name: format_mean_std(value, digits) for name, value in summarise_seeds(runs).items()}


def _cell(value: dict | float | None) -> str:
    if isinstance(value, dict):
        return format_mean_std(value)
    return "" if value is None else f"{value:.4f}"
