"""Reading of a run folder, as far as the report needs it."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mtl_lowres.errors import InputError

_HEADLINE_SPLITS = ("test", "val", "train")


@dataclass(frozen=True)
class RunFolder:
    """What a run left behind; a file that is not there gives an empty dict or table.

    Attributes:
        path: the folder.
        metrics: `metrics.json`.
        config: `config.json`.
        history: `history.csv` as text.
        predictions: `predictions.csv` as text.
        manifest: `manifest.csv` as text.
        bad_files: `bad_files.csv` as text.
    """

    path: Path
    metrics: dict
    config: dict
    history: pd.DataFrame
    predictions: pd.DataFrame
    manifest: pd.DataFrame
    bad_files: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path) -> "RunFolder":
        """Read the files of a run.

        Raises:
            InputError: if `metrics.json` is missing or holds no figures, or a file is unreadable.
        """
        path = Path(path)
        config = path / "config.json"
        tables = ("history", "predictions", "manifest", "bad_files")
        return cls(
            path=path.resolve(),
            metrics=_read_metrics(path / "metrics.json"),
            config=_read_json(config) if config.exists() else {},
            **{table: _read_table(path / f"{table}.csv") for table in tables},
        )

    @property
    def headline_split(self) -> str | None:
        """The split whose figures count most: test, else val; None when nothing was measured."""
        splits = list(self.splits or self.summary)
        return next((s for s in _HEADLINE_SPLITS if s in splits), splits[0] if splits else None)

    @property
    def tasks(self) -> list[str]:
        """The tasks measured on the headline split."""
        return list((self.splits or self.summary).get(self.headline_split, {}))

    @property
    def splits(self) -> dict[str, dict[str, dict]]:
        """The figures: {split: {task: {metric: value}}}."""
        return self.metrics.get("splits", {})

    @property
    def summary(self) -> dict[str, dict[str, dict]]:
        """Mean and deviation over seeds: {split: {task: {metric: summary}}}."""
        return self.metrics.get("summary", {})


def _read_metrics(path: Path) -> dict:
    if not path.exists():
        raise InputError(f"{path}: no such file: finish the run, which writes it at the end")
    metrics = _read_json(path)
    if not metrics.keys() & {"splits", "summary"}:
        raise InputError(f"{path}: neither 'splits' nor 'summary' in it: evaluate the run again")
    for key in ("splits", "summary"):
        splits = metrics.get(key, {})
        tasks = splits.values() if isinstance(splits, dict) else [splits]
        if not all(
            isinstance(task, dict) and all(isinstance(figures, dict) for figures in task.values())
            for task in tasks
        ):
            raise InputError(
                f"{path}: {key!r} is {str(splits)[:60]!r}, expected {{split: {{task: {{metric: "
                "value}}}: evaluate the run again"
            )
    return metrics


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}): write it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: {str(content)[:60]!r} is not a JSON object: write it again")
    return content


def _read_table(path: Path) -> pd.DataFrame:
    """Read a CSV as text, so that a class called "nan" stays one."""
    if not path.exists():
        return pd.DataFrame()
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not readable as CSV ({reason}): write it again") from error
