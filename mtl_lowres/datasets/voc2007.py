"""`voc2007`: the 20 classes of PASCAL VOC 2007 (Everingham et al., 2010), several an image.

    JPEGImages/<id>.jpg
    ImageSets/Main/<class>_trainval.txt, <class>_test.txt     a line an image: `<id> <-1, 0 or 1>`

-1 is an image without the class, 1 one with it; 0 is one that shows it only in objects marked
difficult, which the benchmark counts neither as right nor as wrong.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
# Split of the manifest -> what the files of the release call it.
_SPLITS = {"train": "trainval", "test": "test"}
_SPLITS_WITH_VAL = {"train": "train", "val": "val", "test": "test"}
_LABELS = {"-1": 0, "0": None, "1": 1}


class _Line(NamedTuple):
    label: int | None
    where: str


@DATASETS.register("voc2007")
def read_voc2007(path: str | Path, *, val: bool = False) -> pd.DataFrame:
    """Read the images of VOC 2007 and which of the 20 classes each shows.

    Args:
        path: the folder VOC2007, or VOCdevkit, which holds it; both the trainval and the test
            archive must have been unpacked there.
        val: whether to keep the release's own val apart; train is trainval without it.

    Returns:
        The manifest: path; a column a class, 1 with it, 0 without, empty where it is difficult; and
        split.

    Raises:
        InputError: if a folder, a class file or an image is missing, a line is not `<id> <label>`,
            an image is listed twice, in two splits, or not in the files of every class.

    Example:
        >>> read_dataset("voc2007", "VOCdevkit")  # doctest: +SKIP
    """
    root = _find_root(Path(path).absolute())
    images, rows, seen = root / "JPEGImages", [], {}
    present = {file.name for file in images.iterdir()}
    for split, part in (_SPLITS_WITH_VAL if val else _SPLITS).items():
        columns = _read_part(root / "ImageSets" / "Main", part)
        for image, line in columns[CLASSES[0]].items():
            if image in seen:
                raise InputError(
                    f"{line.where}: the image {image!r} is also in {seen[image]}: leave it in one "
                    "split"
                )
            if f"{image}.jpg" not in present:
                raise InputError(
                    f"{line.where}: there is no image {image}.jpg in {images}: unpack the archive "
                    f"of {part} again"
                )
            seen[image] = line.where
            labels = [columns[name][image].label for name in CLASSES]
            rows.append((str(images / f"{image}.jpg"), *labels, split))
    manifest = pd.DataFrame(rows, columns=["path", *CLASSES, "split"])
    manifest = manifest.astype(dict.fromkeys(CLASSES, "Int64"))
    manifest.attrs["classes"] = {name: [f"no {name}", name] for name in CLASSES}
    return manifest


def _find_root(path: Path) -> Path:
    """Return the folder that holds JPEGImages and ImageSets/Main."""
    for root in (path, path / "VOC2007"):
        if (root / "JPEGImages").is_dir() and (root / "ImageSets" / "Main").is_dir():
            return root
    raise InputError(
        f"{path}: has no folders JPEGImages and ImageSets/Main: give the folder VOC2007, or "
        "VOCdevkit above it"
    )


def _read_part(folder: Path, part: str) -> dict[str, dict[str, _Line]]:
    """Return class -> image -> line; every class lists the same images."""
    columns = {name: _read_labels(folder / f"{name}_{part}.txt") for name in CLASSES}
    first = columns[CLASSES[0]]
    for name, column in columns.items():
        for image in sorted(first.keys() ^ column.keys()):
            line = first.get(image) or column.get(image)
            other = name if image in first else CLASSES[0]
            raise InputError(
                f"{line.where}: the image {image!r} is not in {other}_{part}.txt: every class must "
                "list every image; unpack the archive again"
            )
    return columns


def _read_labels(file: Path) -> dict[str, _Line]:
    """Return image -> its line, in the order of the file."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file}: cannot be read ({error}): unpack both VOCtrainval_06-Nov-2007.tar and "
            "VOCtest_06-Nov-2007.tar into one folder"
        ) from error
    found: dict[str, _Line] = {}
    for number, line in enumerate(lines, 1):
        where, cells = f"{file} line {number}", line.split()
        if not cells:
            continue
        if len(cells) != 2 or cells[1] not in _LABELS:
            raise InputError(
                f"{where}: {line!r} is not `<id> <label>` with a label of -1, 0 or 1: correct it"
            )
        image, label = cells
        if image in found:
            raise InputError(
                f"{where}: the image {image!r} is also in {found[image].where}: delete one"
            )
        found[image] = _Line(_LABELS[label], where)
    if not found:
        raise InputError(f"{file}: lists no image: unpack the archive again")
    return found
