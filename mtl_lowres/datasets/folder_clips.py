"""`folder_clips`: a folder of videos a class, with optional train/val/test folders above.

clips/wave/ann_1.avi              clips/train/wave/ann_1.avi
clips/walk/ben_1.npy              clips/test/walk/ben_1.npy
"""

import re
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets.folder import read_class_folders
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

CLIP_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4", ".npy", ".npz", ".webm")


@DATASETS.register("folder_clips")
def read_folder_clips(
    path: str | Path, task: str = "action", *, subject: str | None = None
) -> pd.DataFrame:
    """Read clips that lie in a folder a class.

    Classes and splits are those of `folder`. Clips are told by their suffix: videos (avi, mkv,
    mov, mp4, webm) and arrays of frames (npy, npz). Other files are left out, and a warning counts
    them. None is opened: `mtl-lowres manifest --check` finds those that cannot be read.

    Args:
        path: the folder.
        task: the column that gets the class.
        subject: regular expression that finds the person in the path of a clip below its class
            folder, with `/` between folders; its group, or all of it where it has none, is the
            person. `"[^_]+"` takes `ann` from `ann_1.avi`, and `"(.+)/"` from `ann/1.avi`.
            Without it the manifest has no people, and cannot be split by person.

    Returns:
        The manifest: path, the task, split where there are split folders, and subject if asked for.

    Raises:
        InputError: if there is no such folder, it has no class folders, a class has no clip, or
            `subject` cannot be used or does not find the person of a clip.

    Example:
        >>> read_dataset("folder_clips", "clips", subject="[^_]+")  # doctest: +SKIP
    """
    pattern = None if subject is None else _compile(subject)
    manifest = read_class_folders(path, task, CLIP_SUFFIXES, "clip")
    if pattern is not None:
        # Below the class folder, which lies below the split folder if there is one.
        above = 2 if "split" in manifest else 1
        depth = len(Path(path).absolute().parts) + above
        manifest["subject"] = [
            _find_subject(pattern, Path(file), depth) for file in manifest["path"]
        ]
    return manifest


def _compile(subject: str) -> re.Pattern:
    try:
        pattern = re.compile(subject)
    except (re.error, TypeError) as error:
        raise InputError(
            f"folder_clips: subject={subject!r} is no regular expression ({error}): give one such "
            "as '[^_]+'"
        ) from error
    if pattern.groups > 1:
        raise InputError(
            f"folder_clips: subject={subject!r} has {pattern.groups} groups: give one, and write "
            "the others as (?:...)"
        )
    return pattern


def _find_subject(pattern: re.Pattern, file: Path, depth: int) -> str:
    name = "/".join(file.parts[depth:])
    match = pattern.search(name)
    found = match and match[pattern.groups]
    if not found:
        raise InputError(
            f"{file}: subject={pattern.pattern!r} finds no person in {name!r}: change it, or "
            "rename the clip"
        )
    return found
