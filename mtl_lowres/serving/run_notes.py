"""What the folder of a run tells of the model in it: settings, rows and figures."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.sweep import headline_figures
from mtl_lowres.weights_file import first_line

# Of a transfer, whose run compares several inputs of an SVM: the one that is served, without and
# with the features at low resolution beside it.
_SERVED = {False: "transferred", True: "transferred + lr"}
_TRANSFER_METRICS = ("mean_ap_area", "accuracy", "macro_f1")
_SPLITS = ("train", "val", "test")
_IMITATION_METRICS = ("cosine_to_teacher", "distance_correlation")


@dataclasses.dataclass(frozen=True)
class RunNotes:
    """What a run noted; each part is empty where it noted nothing.

    Attributes:
        config: of `config.json`.
        metrics: of `metrics.json`.
        rows: split -> number of rows, of the splits that have any.
        people: how many the manifest names.
        people_twice: how many of them are in more than one split.
    """

    config: dict = dataclasses.field(default_factory=dict)
    metrics: dict = dataclasses.field(default_factory=dict)
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    people: int = 0
    people_twice: int = 0

    def figures(self) -> list[dict]:
        """Return the figures of all rows that were held out.

        Returns:
            A dict a metric: `split`, `task`, `metric`, `value`, `low` and `high` (its interval),
            `chance` (what is reached without looking) and `n` (rows); the last four may be None.
        """
        rows = []
        for split, tasks in self.metrics.get("splits", {}).items():
            for task, figures in tasks.items():
                measured = headline_figures(figures) or _plain(figures, _IMITATION_METRICS)
                rows += [_row(split, task, one, figures) for one in measured]
        for task, inputs in self.metrics.get("figures", {}).items():
            figures = inputs[_SERVED[self.config["settings"]["beside"]]]
            measured = _plain(figures, _TRANSFER_METRICS)
            rows += [_row("test", task, one, figures) for one in measured]
        return rows


def read_run(folder: str | Path | None) -> RunNotes:
    """Return what a run noted.

    Args:
        folder: of the run, or of the `model` in it; None, or a folder of no run, notes nothing.

    Raises:
        InputError: if a file of the run is damaged.
    """
    if folder is None:
        return RunNotes()
    folder = Path(folder)
    if folder.resolve().name == "model" and not (folder / "config.json").exists():
        folder = folder.resolve().parent
    config, metrics = (_read_json(folder / name) for name in ("config.json", "metrics.json"))
    table = _read_manifest(folder / "manifest.csv")
    named = table.dropna(subset="subject").groupby("subject")["split"].nunique()
    return RunNotes(
        config,
        metrics,
        {split: n for split in _SPLITS if (n := int((table["split"] == split).sum()))},
        len(named),
        int((named > 1).sum()),
    )


def _read_json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(
            f"{path} is damaged ({first_line(error)}): restore it, or move it out of the run, "
            "whose model card then says less"
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"{path} is none that a run writes: move it out of the folder of the run")
    return value


def _read_manifest(path: Path) -> pd.DataFrame:
    """Return the columns `subject` and `split` of a run's rows; no rows where there is no file."""
    if not path.is_file():
        return pd.DataFrame({"subject": [], "split": []}, dtype="str")
    try:
        table = pd.read_csv(path, usecols=lambda name: name in ("subject", "split"), dtype="str")
        return table.reindex(columns=["subject", "split"])
    except ValueError as error:
        raise InputError(f"{path} is damaged ({first_line(error)}): restore it") from error


def _plain(figures: Mapping, metrics: Sequence[str]) -> list[dict]:
    """Return figures without interval and chance as `headline_figures` returns them."""
    empty = {"low": None, "high": None, "chance": None}
    known = [name for name in metrics if figures.get(name) is not None]
    return [{"metric": name, "value": float(figures[name]), **empty} for name in known]


def _row(split: str, task: str, measured: dict, figures: Mapping) -> dict:
    return {"split": split, "task": task, **measured, "n": figures.get("n")}
