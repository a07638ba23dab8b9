"""`pairs`: the user's own pairs of images to verify, in a CSV file; and manifests of pairs.

    first,second,same,fold
    Ana/1.jpg,Ana/2.jpg,1,1
    Ana/1.jpg,Bo/1.jpg,0,1

A manifest of pairs has two rows a pair, so that it is a CSV like any other.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.manifest_file import name_row
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

_COLUMNS = ("first", "second", "same")
_FOLDS = 10
# Column of a manifest of pairs -> least and most value, and the rule.
_SAME_RULE, _FOLD_RULE = "1 for one person, 0 for two", "a whole number from 1"
_NUMBERS = {
    "pair": (0, np.inf, "the number of the pair, the same in its two rows"),
    "same": (0, 1, _SAME_RULE),
    "fold": (1, np.inf, _FOLD_RULE),
}


@DATASETS.register("pairs")
def read_pairs(path: str | Path) -> pd.DataFrame:
    """Read a CSV of pairs with the columns first, second, same and perhaps fold.

    `first` and `second` are image files, relative to the folder of the CSV; `same` is 1 where they
    show one person and 0 where they show two; `fold` is a number from 1, the part of the pairs that
    is tested together. Without it ten folds are dealt out, see `deal_folds`. Other columns are
    left out.

    Returns:
        The manifest of pairs; see `pair_manifest`.

    Raises:
        InputError: if the file is missing, not UTF-8 or empty, a column is missing, a cell cannot
            be used, an image is not there, or a fold has pairs of one kind only.

    Example:
        >>> read_dataset("pairs", "mine.csv")  # doctest: +SKIP
    """
    path = Path(path)
    rows = _read_rows(path)
    first, second, same, folds = [], [], [], []
    for line, row in rows:
        where = f"{path} line {line}"
        first.append(_image(path, row, "first", where))
        second.append(_image(path, row, "second", where))
        same.append(int(_cell(row, "same", where, ("0", "1"), _SAME_RULE)))
        if "fold" in row:
            folds.append(int(_cell(row, "fold", where, None, _FOLD_RULE)))
    folds = folds or deal_folds(same)
    _check_folds(path, same, folds)
    return pair_manifest(first, second, same, folds)


def pair_manifest(
    first: Sequence[str | Path],
    second: Sequence[str | Path],
    same: Sequence[int],
    folds: Sequence[int],
) -> pd.DataFrame:
    """Return pairs as a manifest: two rows each, one after the other.

    Returns:
        path, pair (Int64, from 0), same (Int64, 1 for one person, 0 for two) and fold (Int64).
    """
    paths = [str(path) for pair in zip(first, second, strict=True) for path in pair]
    manifest = pd.DataFrame({"path": paths})
    for name, values in (("pair", np.arange(len(same))), ("same", same), ("fold", folds)):
        manifest[name] = pd.array(np.repeat(np.asarray(values, np.int64), 2), "Int64")
    return manifest


def pair_rows(manifest: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the first and of the second row of each pair, both int [pairs].

    Raises:
        InputError: if a column is missing, a number of a pair occurs other than twice, or the two
            rows differ in `same` or `fold`, or one of these is empty or no such number.
    """
    table = _pair_numbers(manifest)
    pair = table[:, 0]
    order = np.argsort(pair, kind="stable")
    _, starts, counts = np.unique(pair[order], return_index=True, return_counts=True)
    if (counts != 2).any():
        at = (counts != 2).argmax()
        row = order[starts[at]]
        raise InputError(
            f"{name_row(manifest, row)}: pair {pair[row]:.0f} has {counts[at]} rows: give two, one "
            "an image"
        )
    first, second = order[starts], order[starts + 1]
    differ = (table[first] != table[second]).any(axis=1)
    if differ.any():
        row = second[differ.argmax()]
        raise InputError(
            f"{name_row(manifest, row)}: pair {pair[row]:.0f} has another same or fold than in its "
            "first row: write the same in both"
        )
    by_place = np.argsort(first)
    return first[by_place], second[by_place]


def _pair_numbers(manifest: pd.DataFrame) -> np.ndarray:
    """Return pair, same and fold of each row, float64 [rows, 3]."""
    columns = []
    for column, (least, most, rule) in _NUMBERS.items():
        if column not in manifest:
            raise InputError(
                f"the manifest has no column {column!r}, only {list(manifest.columns)}: give one "
                "of pairs, with two rows each and the columns path, pair, same and fold"
            )
        numbers = pd.to_numeric(manifest[column], errors="coerce").astype("Float64")
        values = numbers.to_numpy(float, na_value=np.nan)
        bad = ~((values >= least) & (values <= most) & (values == np.floor(values)))
        if bad.any():
            at = bad.argmax()
            cell = manifest[column].iloc[at]
            raise InputError(
                f"{name_row(manifest, at)}: {column} is {'' if pd.isna(cell) else str(cell)!r}: "
                f"write {rule}"
            )
        columns.append(values)
    return np.column_stack(columns)


def deal_folds(same: Sequence[int], folds: int = _FOLDS) -> list[int]:
    """Return a fold from 1 for each pair: those of each kind are dealt in turn, in their order.

    There are fewer folds where a kind has fewer pairs, so that every fold has both kinds. Deal out
    folds that share no person yourself where that can be done: a threshold is then always tested
    on people on whom it was not chosen.
    """
    same = np.asarray(same)
    folds = max(1, min(folds, int((same == 1).sum()), int((same == 0).sum())))
    numbers = np.zeros(len(same), int)
    for kind in (0, 1):
        numbers[same == kind] = np.arange((same == kind).sum()) % folds + 1
    return numbers.tolist()


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the line number and the cells of each row by column."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text: save it as 'CSV UTF-8'") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}): give a CSV of pairs") from error
    reader = csv.DictReader(text.splitlines(), restval="")
    reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    for column in _COLUMNS:
        if column not in reader.fieldnames:
            raise InputError(
                f"{path}: has no column {column!r}, only {reader.fieldnames}: the first line is "
                "'first,second,same' or 'first,second,same,fold'"
            )
    rows = [(reader.line_num, row) for row in reader]
    if not rows:
        raise InputError(f"{path}: has no pair: add a line for each")
    return rows


def _image(path: Path, row: dict[str, str], column: str, where: str) -> str:
    if not row[column].strip():
        raise InputError(f"{where}: {column} is empty: write the path of an image")
    file = os.path.normpath(path.absolute().parent / row[column])
    if not os.path.isfile(file):  # noqa: PTH113
        raise InputError(
            f"{where}: there is no file {file} ({column}): correct the path, which is relative to "
            "the folder of the CSV"
        )
    return file


def _cell(row: dict[str, str], column: str, where: str, allowed: tuple | None, rule: str) -> str:
    text = row[column].strip()
    good = text in allowed if allowed else text.isdecimal() and int(text) > 0
    if not good:
        raise InputError(f"{where}: {column} is {text!r}: write {rule}")
    return text


def _check_folds(path: Path, same: list[int], folds: list[int]) -> None:
    for fold in sorted(set(folds)):
        kinds = {kind for kind, number in zip(same, folds, strict=True) if number == fold}
        if len(kinds) == 1:
            which = "one person" if kinds == {1} else "two people"
            raise InputError(
                f"{path}: fold {fold} has only pairs of {which}: give it pairs of both kinds"
            )
