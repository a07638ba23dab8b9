"""`ucf101`: 13,320 clips of 101 actions (Soomro et al., 2012).

    UCF-101/<class>/v_<class>_g<group>_c<clip>.avi
    ucfTrainTestlist/classInd.txt                `<number from 1> <class>`
    ucfTrainTestlist/trainlist0<1, 2 or 3>.txt   `<class>/<name> <number>`
    ucfTrainTestlist/testlist0<1, 2 or 3>.txt    `<class>/<name>`

The clips of a class are cut from 25 groups of recordings, by people or place.
"""

import re
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets.split_lists import (
    find_lists,
    find_videos,
    hold_out_groups,
    normalised,
    read_lines,
    videos_by_name,
    warn_of_differences,
)
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

SPLITS = (1, 2, 3)
_CLASS = re.compile(r"([0-9]+)\s+(\S.*)")
# Class, name and, in the list of train, the number of the class.
_LINE = re.compile(r"([^/]+)/([^/]+\.[^/\s]+)(?:\s+([0-9]+))?")
_GROUP = re.compile(r"_(g[0-9]+)_c[0-9]+\.[^.]+$")


@DATASETS.register("ucf101")
def read_ucf101(
    path: str | Path,
    *,
    split: int = 1,
    splits: str | Path | None = None,
    val: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Read the videos of UCF101 with one of the three published splits.

    A listed video without a file and a video that neither list names are left out, and a warning
    counts each kind and names the first. A malformed line is an error.

    The subject of a clip is its group, such as `Archery_g08`: the published splits keep the groups
    of a class in one part. Groups of different classes with one number have nothing in common.

    Args:
        path: the folder that holds `UCF-101` (or `videos`, or the folders of the classes
            themselves) and `ucfTrainTestlist`.
        split: which of the three.
        splits: the folder of the lists, where it is elsewhere.
        val: fraction of the groups in train to hold out, in [0, 1); the release has no val rows.
        seed: of the choice of groups.

    Returns:
        The manifest: path, action (classes numbered as in classInd.txt, from 0), subject, split.

    Raises:
        InputError: if an option is out of range, a folder or list is missing, a line is malformed,
            contradicts classInd.txt or names a video that was named before or has no group, or a
            class has no video.

    Example:
        >>> read_dataset("ucf101", "UCF101", split=1, val=0.1)  # doctest: +SKIP
    """
    if split not in SPLITS:
        raise InputError(f"ucf101: split={split!r}: give 1, 2 or 3")
    root = Path(path).absolute()
    lists = find_lists(root, splits, "ucfTrainTestlist", "classInd.txt")
    classes = _read_classes(lists / "classInd.txt")
    videos = find_videos(root, ["UCF-101", "videos"], classes)
    rows, missing = [], []
    files = {name: videos_by_name(videos / name) for name in classes}
    for where, name, video, part in _read_lists(lists, split, classes):
        if video in files[name]:
            file = files[name].pop(video)
            rows.append((str(file), classes.index(name), _group(where, name, video), part))
        else:
            missing.append(f"{name}/{video}")
    unlisted = [
        file for left in files.values() for file in left.values() if file.suffix.lower() == ".avi"
    ]
    warn_of_differences(videos, missing, unlisted)
    manifest = pd.DataFrame(rows, columns=["path", "action", "subject", "split"])
    manifest = manifest.astype({"action": "Int64"})
    for label in sorted(set(range(len(classes))) - set(manifest["action"])):
        raise InputError(f"{videos / classes[label]}: has none of the listed videos: unpack it")
    manifest.attrs["classes"] = {"action": classes}
    return hold_out_groups(manifest, "subject", val, seed)


def _read_classes(file: Path) -> list[str]:
    """Return the classes in the order of their numbers, which count from 1."""
    classes = []
    for where, line in read_lines(file):
        match = _CLASS.fullmatch(line)
        if not match or int(match[1]) != len(classes) + 1:
            raise InputError(
                f"{where}: {line!r} is not `{len(classes) + 1} <class>`: number the classes in "
                "order from 1"
            )
        classes.append(match[2])
    return classes


def _read_lists(lists: Path, split: int, classes: list[str]) -> list[tuple[str, str, str, str]]:
    """Return where each video is listed, its class, its name and its part."""
    rows, seen = [], {}
    for part in ("train", "test"):
        for where, line in read_lines(lists / f"{part}list0{split}.txt"):
            match = _LINE.fullmatch(line)
            if not match:
                raise InputError(
                    f"{where}: {line!r} is not `<class>/<name>`, in train with the number of the "
                    "class: correct it"
                )
            name, video, number = match[1], normalised(match[2]), match[3]
            if name not in classes or (number and classes.index(name) != int(number) - 1):
                raise InputError(
                    f"{where}: {line!r}: the class is not that of classInd.txt: correct one of them"
                )
            if (name, video) in seen:
                raise InputError(
                    f"{where}: the video {video!r} is also in {seen[name, video]}: delete one"
                )
            seen[name, video] = where
            rows.append((where, name, video, part))
    return rows


def _group(where: str, name: str, video: str) -> str:
    match = _GROUP.search(video)
    if not match:
        raise InputError(
            f"{where}: {video!r} has no group, as v_{name}_g01_c01.avi has: rename the file and "
            "correct the list"
        )
    return f"{name}_{match[1]}"
