"""Manifests in CSV files, and the names of their rows."""

import csv as csv_module
import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json

# Tasks whose labels are numbers rather than classes.
CONTINUOUS_TASKS = ("age",)
# What a row is of, and its stored optical flow.
FILE_COLUMNS = ("path", "flow")
_TEXT_COLUMNS = (*FILE_COLUMNS, "subject", "split")
_INTEGER = r"-?(0|[1-9]\d{0,17})(\.0*)?"


def row_numbers(manifest: pd.DataFrame) -> np.ndarray:
    """Return what a person calls each row: its line in the CSV, or its position from 0."""
    if "csv" in manifest.attrs:
        return manifest.index.to_numpy() + 2  # the header is line 1
    return np.arange(len(manifest))


def name_row(manifest: pd.DataFrame, position: int) -> str:
    """Return the words that tell a person where the row at `position` is."""
    number = row_numbers(manifest)[position]
    if "csv" in manifest.attrs:
        return f"{manifest.attrs['csv']} line {number}"
    return f"manifest row {number} (counting from 0)"


def read_manifest(csv: str | Path) -> pd.DataFrame:
    """Read a manifest from a comma-separated UTF-8 file with one header line.

    The files in `path` and `flow` are made absolute, relative ones from the folder of the CSV.
    `subject` and `split` stay text. Of the other columns, those of whole numbers ("3" and "3.0" are
    both 3) become nullable "Int64", those of other numbers (and `CONTINUOUS_TASKS`) float64;
    anything else, also numbers with leading zeros, stays text. Only an empty cell is a missing
    value.

    Returns:
        The manifest. Its index counts from 0, so that index + 2 is the line in a file without
        line breaks in cells; blank lines are left out but counted. `attrs["classes"]` holds
        {task: class names} when `<stem>.classes.json` lies beside the CSV.

    Raises:
        InputError: if the file is missing, not UTF-8, not comma-separated or ragged, or a column
            is there twice, or there is no column `path` or a path is empty.

    Example:
        >>> read_manifest("photos.csv").columns.tolist()
        ['path', 'subject', 'split', 'posture']
    """
    csv = Path(csv)
    _check_header(csv)
    try:
        manifest = pd.read_csv(
            csv,
            dtype=str,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
            skip_blank_lines=False,
            index_col=False,
        )
    except pd.errors.ParserError as error:
        detail = str(error).strip().splitlines()[-1]
        raise InputError(
            f"{csv}: {detail}: give each line as many cells as the header has, and put a cell with "
            "a comma in double quotes"
        ) from error
    manifest.columns = manifest.columns.str.strip()
    manifest = manifest.dropna(how="all")
    manifest.attrs["csv"] = str(csv)
    if manifest["path"].isna().any():
        row = name_row(manifest, manifest["path"].isna().argmax())
        raise InputError(f"{row}: the path is empty: fill it in or delete the line")
    for name in manifest.columns.difference(_TEXT_COLUMNS):
        manifest[name] = _as_numbers(manifest[name], name in CONTINUOUS_TASKS)
    folder = csv.absolute().parent
    for name in FILE_COLUMNS:
        if name in manifest:
            files = manifest[name].map(lambda path: os.path.normpath(folder / str(path)))
            manifest[name] = files.where(manifest[name].notna(), None)
    classes = _classes_file(csv)
    if classes.exists():
        manifest.attrs["classes"] = _read_classes(classes)
    return manifest


def _check_header(csv: Path) -> None:
    try:
        with csv.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv_module.reader(file), [])
            for _ in file:  # the whole file must be UTF-8
                pass
    except FileNotFoundError as error:
        raise InputError(f"{csv}: no such file: give the path of a manifest") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{csv}: is not UTF-8 text: save it as 'CSV UTF-8'") from error
    except OSError as error:
        raise InputError(f"{csv}: cannot be read: {error.strerror}") from error
    names = [name.strip() for name in header]
    if "path" not in names:
        separator = next((s for s in (";", "\t") if len(names) == 1 and s in names[0]), None)
        if separator:
            raise InputError(f"{csv}: is separated by {separator!r}: save it with commas instead")
        raise InputError(f"{csv}: has no column 'path', only {names}: name the column of the files")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{csv}: the column {twice[0]!r} is there twice: rename or delete one")


def _as_numbers(column: pd.Series, continuous: bool) -> pd.Series:
    present = column.dropna()
    if not continuous and present.str.fullmatch(_INTEGER).all():
        # Through text, since float64 would round large numbers.
        return column.str.replace(r"\.0*$", "", regex=True).astype("Int64")
    if pd.to_numeric(present, errors="coerce").isna().any() or present.str.match(r"-?0\d").any():
        return column
    return column.astype("float64")  # exact to the last bit, which to_numeric is not


def _classes_file(csv: Path) -> Path:
    return csv.with_name(f"{csv.stem}.classes.json")


def _read_classes(path: Path) -> dict[str, list[str]]:
    try:
        classes = json.loads(path.read_text(encoding="utf-8"))
        return {task: [str(name) for name in names] for task, names in classes.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f'{path}: is not of the form {{"task": ["name", ...]}}: mend or delete it'
        ) from error


def write_manifest(manifest: pd.DataFrame, csv: str | Path) -> None:
    """Write a manifest that `read_manifest` reads back the same.

    Files below the CSV's folder are written relative to it, so that the folder can move. The
    class names in `attrs["classes"]` go to `<stem>.classes.json`; without any, such a file from
    before is removed. Each file is written whole or not at all.

    Raises:
        InputError: if a file name cannot be written as UTF-8.
    """
    csv = Path(csv)
    folder = str(csv.absolute().parent)
    prefix = folder.rstrip(os.sep) + os.sep
    files = [name for name in FILE_COLUMNS if name in manifest]
    table = manifest.assign(
        **{name: manifest[name].map(partial(_below, prefix), na_action="ignore") for name in files}
    )
    try:
        with replacing(csv) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{csv}: a file name is not UTF-8: {error.object!r}: rename it") from error
    if manifest.attrs.get("classes"):
        write_json(_classes_file(csv), manifest.attrs["classes"])
    else:
        _classes_file(csv).unlink(missing_ok=True)


def _below(prefix: str, path: str | Path) -> str:
    """Return the path of a file, relative where it begins with `prefix`."""
    return os.path.abspath(path).removeprefix(prefix)  # noqa: PTH100  pathlib keeps '..'
