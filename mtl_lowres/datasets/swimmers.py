"""`swimmers`: clips of swimmers, one action of one person each, as in Tandia's thesis.

    <action>_<identity>_<number>.avi

The parts are separated by underscores or spaces and the number may stand in brackets, as in
`0_2 (17).avi`; an action may itself contain underscores. The thesis's own clips are not public.
"""

import csv
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets.folder import list_files
from mtl_lowres.datasets.random_split import split_rows
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

VIDEO_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4")
TASKS = ("action", "identity")
_NAME = re.compile(r"(.+)[_ ]([^_ ]+)[_ ]\(?([0-9]+)\)?")


@DATASETS.register("swimmers")
def read_swimmers(
    path: str | Path,
    *,
    names: str | Path | None = None,
    split: Sequence[float] | None = (0.7, 0.1, 0.2),
    seed: int = 0,
) -> pd.DataFrame:
    """Read a folder of clips whose names say who does what.

    A video of another name is left out; a warning counts and names them, and `attrs["skipped"]`
    lists all. Other files are ignored.

    The split is by clip, since a person can be told only from clips of the same person: every pair
    of action and identity is dealt in the same proportions, to within a clip (`split_rows`). There
    is then no column `subject`, which would promise people that are in one split only. To split by
    person instead, read with `split=None` and use `split_by_subject`.

    Args:
        path: the folder; clips may lie in folders below it.
        names: CSV with the header task,token,name, which says what the parts of a file name mean:
            `action,0,breaststroke`. Classes are numbered in the order of their first line, and
            several tokens may have one name. Default: `names.csv` in the folder if it is there;
            without it, or for a task that it does not mention, a token is its own name and classes
            are sorted, numbers first.
        split: fractions of train, val and test, which sum to 1; None for no split.
        seed: of the split.

    Returns:
        The manifest: path, action, identity, and split; without a split also subject.

    Raises:
        InputError: if the folder is missing or has no such clip, `names` cannot be read or lacks a
            token, or the fractions cannot be used.

    Example:
        >>> read_dataset("swimmers", "clips", names="names.csv")  # doctest: +SKIP
    """
    root = Path(path).absolute()
    clips, skipped = _parse(root)
    if names is None and (root / "names.csv").exists():
        names = root / "names.csv"
    meanings = _read_names(Path(names)) if names else {}
    classes = {}
    for task in TASKS:
        if task in meanings:
            _check_tokens(clips, task, meanings[task], names)
            clips[task] = clips[task].map(meanings[task])
            classes[task] = list(dict.fromkeys(meanings[task].values()))
        else:
            classes[task] = sorted(clips[task].unique(), key=_numbers_first)
    if split is None:
        clips["subject"] = clips["identity"]
    else:
        clips["split"] = split_rows(clips["action"] + "\0" + clips["identity"], split, seed)
    for task in TASKS:
        clips[task] = clips[task].map(classes[task].index).astype("Int64")
    clips.attrs = {"classes": classes, "skipped": [str(file) for file in skipped]}
    return clips


def _parse(root: Path) -> tuple[pd.DataFrame, list[Path]]:
    """Return path, action token and identity token of each clip, and the videos of other names."""
    rows, skipped = [], []
    for file in list_files(root):
        if file.suffix.lower() in VIDEO_SUFFIXES:
            match = _NAME.fullmatch(file.stem)
            if match:
                rows.append((str(file), match[1], match[2]))
            else:
                skipped.append(file)
    if not rows:
        raise InputError(
            f"{root}: has no video called <action>_<identity>_<number>.avi"
            + (f"; the first is {skipped[0].name!r}" if skipped else "")
            + ": give the folder of the clips"
        )
    if skipped:
        names = ", ".join(file.name for file in skipped[:5]) + (", ..." if skipped[5:] else "")
        warnings.warn(
            f"{root}: {len(skipped)} videos are left out, since they are not called "
            f"<action>_<identity>_<number>.avi: {names}",
            stacklevel=3,
        )
    return pd.DataFrame(rows, columns=["path", *TASKS]), skipped


def _read_names(path: Path) -> dict[str, dict[str, str]]:
    """Return task -> token -> name, in the order of the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): name the CSV") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text: save it as 'CSV UTF-8'") from error
    meanings = {}
    for number, row in enumerate(table, 2):
        task, token, name = (row.get(column) for column in ("task", "token", "name"))
        if task not in TASKS or not token or not name:
            raise InputError(
                f"{path} line {number}: task={task!r}, token={token!r}, name={name!r}: under the "
                f"header task,token,name give one of {', '.join(TASKS)}, a token and its name"
            )
        meanings.setdefault(task, {})[token] = name
    return meanings


def _check_tokens(clips: pd.DataFrame, task: str, meaning: dict[str, str], names) -> None:
    unknown = ~clips[task].isin(meaning)
    if unknown.any():
        path, token = clips.loc[unknown, ["path", task]].iloc[0]
        raise InputError(
            f"{path}: the {task} {token!r} is not in {names}, which has {', '.join(meaning)}: add "
            "a line for it or rename the clip"
        )


def _numbers_first(token: str) -> tuple:
    return not token.isdecimal(), int(token) if token.isdecimal() else 0, token
