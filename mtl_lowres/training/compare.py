"""One network for all tasks against one network a task, trained alike."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.evaluation.cost import latency, multiply_adds
from mtl_lowres.evaluation.joint import delta_m, joint_table
from mtl_lowres.model import load_model
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train

# The figure of each task that counts, the first that it has.
_HEADLINE = ("macro_f1", "mae_years")
_LOWER_IS_BETTER = ("mae_years",)


def train_single_tasks(
    config: TrainConfig,
    manifest: pd.DataFrame,
    out: str | Path,
    *,
    source: dict | None = None,
    progress: bool = False,
) -> dict[str, dict]:
    """Train a network for each task alone, with the settings of the joint network.

    Rows without a label of the task are left out, and every network chooses its epoch on the
    validation figures of its own task.

    Args:
        config: settings of the joint network; its `weighting` and `monitor` do not apply.
        manifest: rows with a column for each task.
        out: parent of the run folders, which are named after the tasks.
        source: where the manifest comes from.
        progress: show progress bars.

    Returns:
        Task -> what `train` returns.
    """
    runs = {}
    for task in config.tasks:
        alone = dataclasses.replace(
            config,
            tasks=(task,),
            heads={name: head for name, head in config.heads.items() if name == task},
            weighting="equal",
            monitor="",
        )
        runs[task] = train(alone, manifest, Path(out) / task, source=source, progress=progress)
    return runs


def compare_runs(joint: dict, single: dict[str, dict], split: str = "test") -> dict:
    """Return the joint network's figures beside those of the single-task networks.

    Args:
        joint: what `train` returned for all tasks.
        single: task -> what `train` returned for the task alone.
        split: rows that the figures are of.

    Returns:
        `rows`, one dict a task (`task`, `metric`, `chance`, `single`, `joint`, `change` in per
        cent, positive where the joint network is better; None where the single figure is 0), and
        `delta_m`, the mean change. Chance is 1 / classes for macro-F1, and the MAE of always
        answering the median for ages.

    Raises:
        InputError: if no task can be compared.
    """
    together, alone, chance = {}, {}, {}
    for task, figures in joint["splits"][split].items():
        metric = next(name for name in _HEADLINE if name in figures)
        together[task] = {metric: figures[metric]}
        alone[task] = {metric: single[task]["splits"][split][task][metric]}
        chance[task] = {metric: figures.get("median_mae_years") or 1 / len(figures["per_class"])}
    rows = joint_table(together, alone, chance, _LOWER_IS_BETTER)
    # A network that got nothing right has no figure that another could be relative to.
    known = [row for row in rows if row["change"] is not None]
    mean = delta_m(
        {row["task"]: row["joint"] for row in known},
        {row["task"]: row["single"] for row in known},
        {row["task"] for row in known if row["metric"] in _LOWER_IS_BETTER},
    )
    return {"rows": rows, "delta_m": mean}


def average_comparisons(comparisons: list[dict]) -> dict:
    """Return mean and sample deviation over seeds of what `compare_runs` returns.

    Returns:
        `rows` with `single`, `joint` and `change` as means and `single_std`, `joint_std`,
        `change_std`; `delta_m`, `delta_m_std` and `seeds`. A deviation of one seed is None.
    """
    rows = []
    for same in zip(*(comparison["rows"] for comparison in comparisons), strict=True):
        row = dict(same[0])
        for name in ("single", "joint", "change"):
            row[name], row[f"{name}_std"] = _mean_std([seed[name] for seed in same])
        rows.append(row)
    mean, deviation = _mean_std([comparison["delta_m"] for comparison in comparisons])
    return {
        "rows": rows,
        "delta_m": mean,
        "delta_m_std": deviation,
        "seeds": len(comparisons),
    }


def _mean_std(values: list[float | None]) -> tuple[float | None, float | None]:
    values = [value for value in values if value is not None]
    if not values:
        return None, None
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return float(np.mean(values)), deviation


def compare_costs(
    joint: str | Path, single: dict[str, str | Path], repeats: int = 200
) -> list[dict]:
    """Return what one network for all tasks costs, beside one a task.

    Args:
        joint: run folder of the joint network.
        single: task -> run folder of its own network.
        repeats: timed calls.

    Returns:
        A dict a line (`network`, `parameters`, `multiply_adds` a sample, `milliseconds` of one
        traced call for one sample): the joint network, the mean single-task network and all the
        single-task networks together.
    """
    shared = _cost(joint, repeats)
    own = [_cost(run, repeats) for run in single.values()]
    together = {name: sum(cost[name] for cost in own) for name in shared}
    each = {name: value / len(own) for name, value in together.items()}
    return [
        {"network": f"one for {len(own)} tasks", **shared},
        {"network": "one for one task (mean)", **each},
        {"network": f"{len(own)} for one task each", **together},
    ]


def _cost(run: str | Path, repeats: int) -> dict[str, float]:
    model = load_model(run)
    return {
        "parameters": model.count_params(),
        "multiply_adds": multiply_adds(model),
        "milliseconds": 1000 * latency(model, repeats=repeats),
    }
