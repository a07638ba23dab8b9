"""The same run with several seeds, and the mean and deviation of its figures."""

import dataclasses
from pathlib import Path

import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.classification import summarise_seeds
from mtl_lowres.files import write_json
from mtl_lowres.report.html import write_report
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.run import train


def train_seeds(
    config: TrainConfig,
    manifest: pd.DataFrame,
    out: str | Path,
    seeds: int,
    *,
    source: dict | None = None,
    progress: bool = False,
) -> dict:
    """Train with seeds `config.seed`, `config.seed + 1`, … and summarise what they reach.

    Every seed is a run folder `out/seed-<n>`; they share the validation people. `out/metrics.json`
    holds `{"seeds": [...], "summary": {split: {task: {metric: {"mean", "std", ...}}}}}`, which
    `out/report.html` shows.

    Raises:
        InputError: fewer than two seeds, or what `train` raises.
    """
    if seeds < 2:
        raise InputError(f"seeds={seeds}: a deviation needs at least 2")
    numbers = [config.seed + i for i in range(seeds)]
    runs = [
        train(
            dataclasses.replace(config, seed=seed),
            manifest,
            Path(out) / f"seed-{seed}",
            source=source,
            progress=progress,
        )
        for seed in numbers
    ]
    summary = {
        split: {
            task: summarise_seeds([run["splits"][split][task] for run in runs]) for task in tasks
        }
        for split, tasks in runs[0]["splits"].items()
    }
    result = {"seeds": numbers, "parameters": runs[0]["parameters"], "summary": summary}
    write_json(Path(out) / "metrics.json", result)
    write_report(out)
    return result
