"""Lists of videos that a data set is published with: their lines, and the videos they name."""

import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mtl_lowres.data.split import split_by_subject
from mtl_lowres.errors import InputError


def read_lines(file: Path) -> list[tuple[str, str]]:
    """Return what to call each line that is not blank, and its text.

    Raises:
        InputError: if the file cannot be read, is not UTF-8 or has no line.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}): unpack the split lists again"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8 text: unpack the split lists again") from error
    found = [(f"{file} line {at}", line.strip()) for at, line in enumerate(lines, 1)]
    found = [(where, line) for where, line in found if line]
    if not found:
        raise InputError(f"{file}: lists no video: unpack the split lists again")
    return found


def find_lists(root: Path, named: str | Path | None, usual: str, pattern: str) -> Path:
    """Return the folder of the split lists: the one that was named, or the usual one.

    Args:
        root: the folder of the data set, or of its videos.
        named: the folder that the user gave, or None.
        usual: what the release calls it, in `root` or beside it.
        pattern: shell pattern of a list that must be in it.

    Raises:
        InputError: if there is none.
    """
    places = [Path(named).absolute()] if named else [root / usual, root.parent / usual, root]
    for folder in places:
        if any(folder.glob(pattern)):
            return folder
    raise InputError(
        f"{places[0]}: has no list {pattern.replace('[!.]*', '<class>')}: unpack the split lists "
        "there, or name their folder with splits="
    )


def find_videos(root: Path, usual: Iterable[str], classes: list[str]) -> Path:
    """Return the folder that holds those of the classes: a usual one below `root`, or `root`.

    Raises:
        InputError: if none has the folder of any class.
    """
    for folder in [*(root / name for name in usual), root]:
        if any((folder / name).is_dir() for name in classes):
            return folder
    raise InputError(
        f"{root}: has no folder {classes[0]!r}, neither there nor in {' or '.join(usual)}: unpack "
        "the videos there"
    )


def videos_by_name(folder: Path) -> dict[str, Path]:
    """Return normalised name -> file of all in a folder but hidden ones; nothing if it is absent.

    An archive that was unpacked on a Mac spells accents otherwise than its lists do.
    """
    if not folder.is_dir():
        return {}
    return {normalised(file.name): file for file in sorted(folder.glob("[!.]*")) if file.is_file()}


def normalised(name: str) -> str:
    """Return a file name with every accent in one with its letter (NFC)."""
    return unicodedata.normalize("NFC", name)


def warn_of_differences(root: Path, missing: list[str], unlisted: list[Path]) -> None:
    """Warn once of the videos that are listed but missing, and once of those that no list names."""
    if missing:
        warnings.warn(
            f"{root}: {len(missing)} listed videos are left out, since their files are missing; "
            f"the first is {missing[0]!r}",
            stacklevel=3,
        )
    if unlisted:
        warnings.warn(
            f"{root}: {len(unlisted)} videos are left out, since no list names them; the first is "
            f"{unlisted[0]}",
            stacklevel=3,
        )


def hold_out_groups(
    manifest: pd.DataFrame, group: str, val: float, seed: int, task: str = "action"
) -> pd.DataFrame:
    """Move a fraction of the groups of train to val, so that none is in both.

    They are dealt as `split_by_subject` deals people, the classes of `task` spread evenly.

    Args:
        manifest: rows with `split`, `task` and the column `group`.
        group: the column whose values stay together.
        val: fraction of the groups in train, in [0, 1); 0 moves none.
        seed: the same seed gives the same split.
        task: the column whose classes are spread.

    Returns:
        A copy with a new column `split`.

    Raises:
        InputError: if the fraction is out of range or leaves no group for train.
    """
    if val == 0:
        return manifest
    train = manifest[manifest["split"] == "train"]
    dealt = split_by_subject(train.assign(subject=train[group]), val=val, seed=seed, task=task)
    split = manifest["split"].copy()
    split[train.index] = dealt["split"]
    return manifest.assign(split=split)
