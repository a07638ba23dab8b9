"""`utkface`: age, gender and race of the faces of UTKFace (Zhang et al., CVPR 2017).

    <age>_<gender>_<race>_<date>.jpg.chip.jpg

The labels are in the names. The release holds a few names with a field missing, and does not say
which images show the same person.
"""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mtl_lowres.datasets.alignment import align_files
from mtl_lowres.datasets.folder import IMAGE_SUFFIXES, list_files
from mtl_lowres.datasets.random_split import split_rows
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

CLASSES = {
    "gender": ["male", "female"],
    "race": ["White", "Black", "Asian", "Indian", "Other"],
}
OLDEST = 116
# Age, gender, race; then the date and whatever follows, which no label depends on.
_NAME = re.compile(r"([0-9]{1,3})_([01])_([0-4])_[^_]+")


@DATASETS.register("utkface")
def read_utkface(
    path: str | Path,
    *,
    split: Sequence[float] | None = (0.7, 0.1, 0.2),
    seed: int = 0,
    aligned: str | Path | None = None,
    aligned_side: int = 150,
    aligned_zoom: float = 1.4,
    aligned_size: tuple[int, int] | None = None,
    landmarks: str | Path | None = None,
) -> pd.DataFrame:
    """Read a folder of UTKFace, and align its faces if asked to.

    A file whose name does not give an age up to 116, a gender 0 or 1 and a race 0 to 4 is left
    out; a warning counts and names them, and `attrs["skipped"]` lists all.

    The split is by image, since people are not known: someone in train may also be in test. The
    images, sorted by name, are put into the order `numpy.random.default_rng(seed).permutation(n)`;
    the first of that order are train, the next val, the last test.

    Args:
        path: the folder; images may lie in folders below it.
        split: fractions of train, val and test, which sum to 1; None for no split column.
        seed: of the split.
        aligned: folder for aligned copies of the faces, as PNG files; the manifest then names
            those. They are written once, and after an interruption only the missing ones. A face
            without landmarks gets the median ones of the set.
        aligned_side: side of the aligned faces in pixels.
        aligned_zoom: how closely they are cropped; see `alignment.face_points`.
        aligned_size: (height, width) of the aligned faces, such as (112, 96) for SphereFace's
            template, in place of `aligned_side` and `aligned_zoom`.
        landmarks: CSV of name and five points x,y a face; default: `landmarks.csv` in the folder.

    Returns:
        The manifest: path, age (float, years), gender, race, and split.

    Raises:
        InputError: if the folder is missing or has no image with labels in its name, two images
            have the same name, the fractions or the landmarks cannot be used, or `aligned` holds
            something else.

    Example:
        >>> read_dataset("utkface", "UTKFace", aligned="faces", aligned_side=160)  # doctest: +SKIP
    """
    root = Path(path).absolute()
    files, labels, skipped = _parse(root)
    manifest = pd.DataFrame(labels, columns=["age", "gender", "race"])
    manifest = manifest.astype({"age": "float64", "gender": "Int64", "race": "Int64"})
    manifest.insert(0, "path", [str(file) for file in files])
    if split is not None:
        manifest["split"] = split_rows(["all"] * len(files), split, seed)
    if aligned is not None:
        manifest["path"] = [
            str(chip)
            for chip in align_files(
                {file.name: file for file in files},
                landmarks or root / "landmarks.csv",
                aligned,
                side=aligned_side,
                zoom=aligned_zoom,
                size=aligned_size,
            )
        ]
    manifest.attrs = {"classes": {task: list(names) for task, names in CLASSES.items()}}
    manifest.attrs["skipped"] = [str(file) for file in skipped]
    return manifest


def _parse(root: Path) -> tuple[list[Path], list[tuple[int, ...]], list[Path]]:
    """Return the images sorted by name, their labels, and the images without labels."""
    files, labels, skipped, seen = [], [], [], {}
    images = [file for file in list_files(root) if file.suffix.lower() in IMAGE_SUFFIXES]
    for file in sorted(images, key=lambda file: file.name):
        match = _NAME.fullmatch(file.name)
        if not match or int(match[1]) > OLDEST:
            skipped.append(file)
            continue
        if file.name in seen:
            raise InputError(
                f"{file}: has the name of {seen[file.name]}: give a folder with each face once, or "
                "one could be in train and test"
            )
        seen[file.name] = file
        files.append(file)
        labels.append(tuple(map(int, match.groups())))
    if not files:
        raise InputError(
            f"{root}: has no image called <age>_<gender 0-1>_<race 0-4>_<date>.jpg"
            + (f"; the first is {skipped[0].name!r}" if skipped else "")
            + ": give the folder of UTKFace"
        )
    if skipped:
        names = ", ".join(file.name for file in skipped[:5]) + (", ..." if skipped[5:] else "")
        warnings.warn(
            f"{root}: {len(skipped)} images are left out, since they are not called "
            f"<age>_<gender 0-1>_<race 0-4>_<date>.jpg: {names}",
            stacklevel=3,
        )
    return files, labels, skipped
