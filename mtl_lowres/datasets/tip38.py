"""`tip38`: the thermal infrared postures of LowNet (Gochoo et al., ICIP 2020), as released.

    training/<class 0..37>/ID_<person>_pose_<pose>_<version>_<frame>.jpg
    testing/<class 0..37>/...

The release holds 3420 training images of 18 people and 950 test images of 5 others (its README
says 954), 16x16 pixels each. Several of its 51 recorded poses share a class.
"""

import re
import warnings
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets.folder import list_files
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

CLASSES = 38
_SPLITS = {"training": "train", "testing": "test"}
# Class folder, person, pose, version, frame.
_FILE = re.compile(r"([0-9]+)/ID_([^_/]+)_pose_([0-9]+)_([0-9]+)_([0-9]+)\.jpe?g", re.IGNORECASE)


@DATASETS.register("tip38")
def read_tip38(path: str | Path, split: str = "released") -> pd.DataFrame:
    """Read the released TIP38 folder.

    A file whose name or folder does not parse is left out, and a warning counts such files and
    names the first: whose person is unknown cannot be kept out of the other split.

    Args:
        path: the folder that holds `training` and `testing`.
        split: "released" for the published split by person (there is no val: take it out of train
            with `split_by_subject`), or "none" for no split column.

    Returns:
        The manifest: path, posture (0..37; the names of the classes are not published), identity,
        subject (the person's number as a string), split, pose, version, frame. `identity` counts
        the people of train; those of test are not among its classes and have no label. Without a
        split, it counts all people.

    Raises:
        InputError: if a folder is missing or without images, or `split` is unknown.
    """
    if split not in ("released", "none"):
        raise InputError(f"tip38: split={split!r}: give 'released' or 'none'")
    root = Path(path).absolute()
    rows, misnamed = [], []
    for part in _SPLITS:
        found = _read_part(root / part, _SPLITS[part], misnamed)
        if not found:
            raise InputError(
                f"{root / part}: has no file called <class>/ID_<person>_pose_<pose>_*_*.jpg: "
                "give the folder that holds training and testing"
            )
        rows += found
    if misnamed:
        warnings.warn(
            f"{root}: {len(misnamed)} files are left out, since they are not called "
            f"<class 0..37>/ID_<person>_pose_<pose>_<version>_<frame>.jpg; the first is "
            f"{misnamed[0]}",
            stacklevel=2,
        )
    return _manifest(rows, split)


def _read_part(folder: Path, split: str, misnamed: list[Path]) -> list[tuple]:
    """Return a row for each image below `folder`; files that do not parse go to `misnamed`."""
    rows = []
    for file in list_files(folder):
        match = _FILE.fullmatch(file.relative_to(folder).as_posix())
        if match and int(match[1]) < CLASSES:
            label, person, *numbers = match.groups()
            rows.append((str(file), int(label), person, split, *map(int, numbers)))
        else:
            misnamed.append(file)
    return rows


def _manifest(rows: list[tuple], split: str) -> pd.DataFrame:
    columns = ["path", "posture", "subject", "split", "pose", "version", "frame"]
    numbers = dict.fromkeys(["posture", "pose", "version", "frame"], "Int64")
    manifest = pd.DataFrame(rows, columns=columns).astype(numbers)

    known = manifest[manifest["split"] == "train"] if split == "released" else manifest
    people = sorted(known["subject"].unique())
    index = {person: number for number, person in enumerate(people)}
    manifest.insert(2, "identity", manifest["subject"].map(index).astype("Int64"))
    if split == "none":
        manifest = manifest.drop(columns="split")
    manifest.attrs["classes"] = {
        "posture": [str(label) for label in range(CLASSES)],
        "identity": people,
    }
    return manifest
