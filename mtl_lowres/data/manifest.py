"""Manifests: one row a sample. Read, write and check them, and split them by person."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mtl_lowres.data.manifest_file import CONTINUOUS_TASKS, name_row, read_manifest, write_manifest
from mtl_lowres.data.packed import file_of
from mtl_lowres.data.split import hold_out_clips, leave_one_subject_out, split_by_subject
from mtl_lowres.errors import InputError

__all__ = [
    "CONTINUOUS_TASKS",
    "check_manifest",
    "hold_out_clips",
    "leave_one_subject_out",
    "read_manifest",
    "split_by_subject",
    "summarise_manifest",
    "task_classes",
    "write_manifest",
]

SPLITS = ("train", "val", "test")


def task_classes(manifest: pd.DataFrame, tasks: Iterable[str]) -> dict[str, int]:
    """Return the number of classes of each task that has classes.

    It is the number of names in `attrs["classes"]` or the largest label plus one, whichever is
    larger.
    """
    names = manifest.attrs.get("classes", {})
    counts = {}
    for task in tasks:
        if task not in CONTINUOUS_TASKS:
            largest = pd.to_numeric(manifest[task]).max()
            labelled = 0 if pd.isna(largest) else int(largest) + 1
            counts[task] = max(labelled, len(names.get(task, ())))
    return counts


def summarise_manifest(manifest: pd.DataFrame) -> pd.DataFrame:
    """Count rows, people and labels.

    Returns:
        One row for each split (one in all without splits): split, rows, subjects (if the manifest
        names them), and for every column of numbers but `start` and `stop` the rows that have one.
    """
    columns = manifest.select_dtypes("number").columns.difference(["start", "stop"], sort=False)
    splits = manifest["split"].fillna("none") if "split" in manifest else "all"
    present = manifest[columns].notna().assign(split=splits, rows=1)
    groups = present.groupby("split")
    table = groups[["rows", *columns]].sum()
    if "subject" in manifest:
        table.insert(1, "subjects", manifest["subject"].groupby(present["split"]).nunique())
    order = [split for split in (*SPLITS, "none", "all") if split in table.index]
    others = [split for split in table.index if split not in order]
    return table.loc[[*order, *others]].reset_index()


def check_manifest(
    manifest: pd.DataFrame,
    tasks: Iterable[str] | None = None,
    files: bool = True,
    continuous: Iterable[str] = CONTINUOUS_TASKS,
) -> None:
    """Raise an error that names the first row that cannot be used, and the remedy.

    A row is named by its line in the CSV (the header is line 1) if the manifest was read from
    one, and by its position (from 0) otherwise.

    Args:
        manifest: what `read_manifest` or a reader of `datasets` returns.
        tasks: the columns that are used as labels; default: those that have class names.
        files: whether to look for every file.
        continuous: the tasks whose labels are any finite numbers; those of all others must be
            whole numbers from 0, and every class must occur in train.

    Raises:
        InputError: if the manifest is empty; a column is missing or a task has no label; a label
            is none; a `start` or `stop` is no number of a frame, or they enclose none; a split is
            unknown; a class has no row in train; a subject is in two splits; two rows of the same
            file contradict each other; or a file is missing.

    A subject may be in two splits with rows that have no label of the tasks but `identity`: who
    somebody is can only be tested on other clips of the same people (see `hold_out_clips`).
    """
    tasks = list(manifest.attrs.get("classes", {}) if tasks is None else tasks)
    continuous = set(continuous)
    if len(manifest) == 0:
        raise InputError("the manifest is empty: add a row for each image")
    for column in ["path", *tasks]:
        if column not in manifest:
            raise InputError(
                f"the manifest has no column {column!r}, only {list(manifest.columns)}: "
                "add it or name another task"
            )
    _check_frames(manifest)
    for task in tasks:
        _check_labels(manifest, task, task in continuous)
        _check_contradictions(manifest, task)
    if "split" in manifest:
        _check_splits(manifest, tasks)
        for task in tasks:
            if task not in continuous:
                _check_classes_in_train(manifest, task)
    if files:
        _check_files_exist(manifest)


def _check_frames(manifest: pd.DataFrame) -> None:
    """Check that `start` and `stop`, where there are any, enclose at least one frame."""
    numbers = {}
    for column in ("start", "stop"):
        if column not in manifest:
            continue
        cells = manifest[column]
        numbers[column] = pd.to_numeric(cells, errors="coerce").to_numpy(float, na_value=np.nan)
        whole = (numbers[column] >= 0) & (numbers[column] == np.floor(numbers[column]))
        bad = cells.notna().to_numpy() & ~(whole & np.isfinite(numbers[column]))
        if bad.any():
            at = bad.argmax()
            raise InputError(
                f"{name_row(manifest, at)}: {column} is {str(cells.iloc[at])!r}, which is not a "
                "whole number of frames from 0: correct it, or leave the cell empty"
            )
    if "stop" in numbers:
        starts = np.nan_to_num(numbers.get("start", np.zeros(len(manifest))))
        empty = numbers["stop"] <= starts  # false where there is no stop
        if empty.any():
            at = empty.argmax()
            raise InputError(
                f"{name_row(manifest, at)}: stop {numbers['stop'][at]:.0f} is not after start "
                f"{starts[at]:.0f}: stop is the frame after the last one"
            )


def _check_labels(manifest: pd.DataFrame, task: str, continuous: bool) -> None:
    labels = manifest[task]
    present = labels.notna().to_numpy()
    if not present.any():
        raise InputError(f"no row has a label of the task {task!r}: fill in the column or drop it")
    numbers = (
        pd.to_numeric(labels, errors="coerce").astype("Float64").to_numpy(float, na_value=np.nan)
    )
    good = np.isfinite(numbers)
    rule, limit = "a number", np.inf
    if not continuous:
        good &= (numbers >= 0) & (numbers == np.floor(numbers))
        rule = "a whole number from 0"
        names = manifest.attrs.get("classes", {}).get(task)
        if names:
            rule, limit = f"a class from 0 to {len(names) - 1}, as there are names", len(names)
    bad = present & ~(good & (numbers < limit))
    if bad.any():
        at = bad.argmax()
        raise InputError(
            f"{name_row(manifest, at)}: {task} is {str(labels.iloc[at])!r}, which is not {rule}: "
            "correct it, or leave the cell empty if the label is unknown"
        )


def _check_contradictions(manifest: pd.DataFrame, task: str) -> None:
    """Check that rows of the same file (and the same frames of it) have the same label."""
    key = [name for name in ("path", "start", "stop") if name in manifest]
    table = manifest[[*key, task]].reset_index(drop=True)
    table = table[table[task].notna()]
    repeated = table[
        table.duplicated(key, keep=False) & ~table.duplicated([*key, task], keep=False)
    ]
    if len(repeated):
        second = repeated.index[-1]
        same = (table[key].astype(str) == table.loc[second, key].astype(str)).all(axis=1)
        first = table.index[same & (table[task] != table.loc[second, task])][0]
        raise InputError(
            f"{name_row(manifest, second)}: {task} is {table.loc[second, task]} but "
            f"{table.loc[first, task]} in {name_row(manifest, first)}, for the same file "
            f"{table.loc[second, 'path']}: delete one of the two"
        )


def _check_splits(manifest: pd.DataFrame, tasks: list[str]) -> None:
    split = manifest["split"]
    unknown = (split.notna() & ~split.isin(SPLITS)).to_numpy()
    if unknown.any():
        at = unknown.argmax()
        raise InputError(
            f"{name_row(manifest, at)}: unknown split {str(split.iloc[at])!r}: "
            f"write one of {', '.join(SPLITS)}"
        )
    if "subject" not in manifest:
        return
    table = manifest[["subject", "split"]].reset_index(drop=True).dropna()
    of_subjects = [task for task in tasks if task != "identity"]
    if tasks:
        table = table[manifest[of_subjects].notna().any(axis=1).to_numpy()[table.index]]
    first = table.groupby("subject")["split"].transform("first")
    crossing = table[table["split"] != first]
    if len(crossing):
        at = crossing.index[0]
        subject, here = crossing.loc[at, ["subject", "split"]]
        other = table.index[table["subject"] == subject][0]
        raise InputError(
            f"{name_row(manifest, at)}: subject {subject!r} is in {here} but in "
            f"{first[at]} in {name_row(manifest, other)}: keep each person in one split"
        )


def _check_classes_in_train(manifest: pd.DataFrame, task: str) -> None:
    in_train = (manifest["split"] == "train").to_numpy()
    if not in_train.any():
        return
    labels = pd.to_numeric(manifest[task]).astype("Int64")
    absent = set(range(int(labels.max()) + 1)) - set(labels[in_train].dropna())
    if absent:
        label = min(absent)
        rows = np.flatnonzero((labels == label).fillna(False))
        where = f"{name_row(manifest, rows[0])}: " if len(rows) else ""
        raise InputError(
            f"{where}class {label} of {task} has no row in train: add some, or empty the cells of "
            "this class elsewhere and number the classes without a gap"
        )


def _check_files_exist(manifest: pd.DataFrame) -> None:
    paths = manifest["path"].to_numpy()
    missing = [at for at, path in enumerate(paths) if not file_of(path).is_file()]
    if missing:
        at = missing[0]
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(
            f"{name_row(manifest, at)}: no such file: {paths[at]}{others}: correct the path, which "
            "is relative to the folder of the CSV, or delete the row"
        )
