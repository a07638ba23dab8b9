"""`folder`: a folder a class, with optional train/val/test folders above.

pictures/squat/a.jpg              pictures/train/squat/a.jpg
pictures/stand/b.png              pictures/test/stand/b.png
"""

import os
import re
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".npy", ".png")

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def _natural_key(name: str) -> tuple:
    """Sort "2" before "10", and numbers before letters."""
    parts = [part for part in re.split(r"([0-9]+)", name) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name


def _visible(folder: Path) -> list[Path]:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return sorted(entries, key=lambda entry: _natural_key(entry.name))


def _subfolders(folder: Path) -> list[Path]:
    return [entry for entry in _visible(folder) if entry.is_dir()]


def _layout(root: Path) -> tuple[list[tuple[Path, str | None]], list[Path]]:
    """Return each class folder with its split (None without), and the folders above them."""
    folders = _subfolders(root)
    splits = [_SPLIT_NAMES.get(entry.name.lower()) for entry in folders]
    if folders and all(splits) and any(_subfolders(entry) for entry in folders):
        pairs = zip(folders, splits, strict=True)
        classes = [(inner, split) for entry, split in pairs for inner in _subfolders(entry)]
        return classes, [root, *folders]
    return [(entry, None) for entry in folders], [root]


def list_files(folder: Path) -> list[Path]:
    """Return all files below `folder` in natural order, without those in or called .hidden."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        found += [Path(parent, name) for name in files if name[0] != "."]
    return sorted(found, key=lambda file: [_natural_key(part) for part in file.parts])


@DATASETS.register("folder")
def read_folder(path: str | Path, task: str = "posture") -> pd.DataFrame:
    """Read images that lie in a folder a class.

    Class names are sorted naturally ("2" before "10") and numbered from 0. Where all top folders
    are called train, val or test (or training, valid, validation, testing), they give the split
    and the classes lie one level below. Images may lie in deeper folders. Images are told by their
    suffix (bmp, gif, jpeg, jpg, npy, png). Other files, and those outside the class folders, are
    left out, and a warning counts them; hidden files are ignored.

    Args:
        path: the folder.
        task: the column that gets the class.

    Returns:
        The manifest: path, the task, and split where there are split folders.

    Raises:
        InputError: if there is no such folder, it has no class folders, or a class has no image.
    """
    return read_class_folders(path, task, IMAGE_SUFFIXES, "image")


def read_class_folders(
    path: str | Path, task: str, suffixes: tuple[str, ...], what: str
) -> pd.DataFrame:
    """Read the files of some suffixes as `read_folder` reads images; messages call one `what`."""
    root = Path(path).absolute()
    if not root.is_dir():
        raise InputError(f"{path}: no such folder: give one that has a folder for each class")
    class_folders, above = _layout(root)
    if not class_folders:
        raise InputError(
            f"{path}: has no folders: put the {what}s of each class into one of its own"
        )
    classes = sorted({folder.name for folder, _ in class_folders}, key=_natural_key)

    rows = []
    others = [entry for folder in above for entry in _visible(folder) if entry.is_file()]
    for folder, split in class_folders:
        for file in list_files(folder):
            if file.suffix.lower() in suffixes:
                rows.append((str(file), classes.index(folder.name), split))
            else:
                others.append(file)
    for folder in set(classes) - {classes[label] for _, label, _ in rows}:
        raise InputError(
            f"{path}: the class {folder!r} has no {what}: add some or remove its folder"
        )
    _warn_of_others(root, others, suffixes)

    manifest = pd.DataFrame(rows, columns=["path", task, "split"]).astype({task: "Int64"})
    if class_folders[0][1] is None:
        manifest = manifest.drop(columns="split")
    manifest.attrs["classes"] = {task: classes}
    return manifest


def _warn_of_others(root: Path, others: list[Path], suffixes: tuple[str, ...]) -> None:
    if others:
        counts = Counter(file.suffix.lower() or "no suffix" for file in others)
        summary = ", ".join(f"{suffix} ({count})" for suffix, count in counts.most_common())
        warnings.warn(
            f"{root}: {len(others)} files are left out, since they lie in no class folder or are "
            f"not called {' '.join(suffixes)}: {summary}; the first is {others[0]}",
            stacklevel=4,
        )
