"""`lfw`: Labeled Faces in the Wild (Huang et al., 2007), its images or its pairs to verify.

    images/<Name>/<Name>_<nnnn>.jpg      or <Name>/<Name>_<nnnn>.jpg, as in the original archive
    pairs.txt                            of View 2
    landmarks.csv                        optional: <Name>/<Name>_<nnnn>.jpg and five points x,y

`pairs.txt` begins with a line `folds n`; then come, fold after fold, n lines `name i j`, two images
of one person, and n lines `name i other_name j`, images of two. Cells are separated by tabs.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mtl_lowres.datasets.alignment import align_files
from mtl_lowres.datasets.folder import IMAGE_SUFFIXES, list_files
from mtl_lowres.datasets.pairs import pair_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

_NAME = re.compile(r"(.+)_([0-9]+)\.\S+")
# Person and number of an image.
_Image = tuple[str, int]


class _Pair(NamedTuple):
    first: _Image
    second: _Image
    fold: int
    line: int


@DATASETS.register("lfw")
def read_lfw(
    path: str | Path,
    *,
    pairs: bool = False,
    test_folds: int | Sequence[int] | None = None,
    val_folds: int | Sequence[int] | None = None,
    aligned: str | Path | None = None,
    aligned_side: int = 150,
    aligned_zoom: float = 1.4,
    aligned_size: tuple[int, int] | None = None,
    landmarks: str | Path | None = None,
) -> pd.DataFrame:
    """Read the images of LFW, or the pairs of its View 2, and align the faces if asked to.

    The fold of an image is that of the pairs in which its person occurs; a person in no pair has
    none, and one in several folds (View 2 has no such person) the first of them.

    Args:
        path: the folder.
        pairs: return the pairs in place of the images.
        test_folds: numbers of the folds, from 1, that are the split `test`.
        val_folds: those that are `val`; all others, and images without a fold, are `train`.
        aligned: folder for aligned copies of the faces, as PNG files; the manifest then names
            those. They are written once, and after an interruption only the missing ones. A face
            without landmarks gets the median ones of the set.
        aligned_side: side of the aligned faces in pixels.
        aligned_zoom: how closely they are cropped; see `alignment.face_points`.
        aligned_size: (height, width) of the aligned faces, such as (112, 96) for SphereFace's
            template, in place of `aligned_side` and `aligned_zoom`.
        landmarks: CSV of image and five points x,y; default: `landmarks.csv` in the folder.

    Returns:
        Images: path, subject (name), identity (Int64), fold (Int64) and, where `test_folds` or
        `val_folds` are given, split. Identities are numbered by name, over all people, or over
        those of train where there is a split: nobody else could be named, and is left empty.
        Pairs: two rows each with path, subject, pair, same, fold and perhaps split; see
        `pairs.pair_manifest`.

    Raises:
        InputError: if a folder or file is missing, `pairs.txt` is not of that form or names a
            person or image that is not there, a fold number does not exist or is in two splits,
            the splits would share a person, or faces cannot be aligned.

    Example:
        >>> read_dataset("lfw", "lfw", test_folds=(1, 2, 3, 4, 5))  # doctest: +SKIP
        >>> read_dataset("lfw", "lfw", pairs=True, aligned="chips")  # doctest: +SKIP
    """
    root = Path(path).absolute()
    images_folder = root / "images" if (root / "images").is_dir() else root
    images = _list_images(images_folder)
    all_pairs = _read_pairs(root / "pairs.txt", images, images_folder)
    splits = _fold_splits(all_pairs, test_folds, val_folds)
    _check_people_apart(all_pairs, splits, root / "pairs.txt")
    if pairs:
        used = dict.fromkeys(image for pair in all_pairs for image in (pair.first, pair.second))
        images = {image: images[image] for image in used}
    if aligned is not None:
        chips = align_files(
            {file.relative_to(images_folder).as_posix(): file for file in images.values()},
            landmarks or root / "landmarks.csv",
            aligned,
            side=aligned_side,
            zoom=aligned_zoom,
            size=aligned_size,
        )
        images = dict(zip(images, chips, strict=True))
    return _pairs_table(all_pairs, images, splits) if pairs else _table(all_pairs, images, splits)


def _list_images(folder: Path) -> dict[_Image, Path]:
    """Return the images by person and number, sorted."""
    images = {}
    for file in list_files(folder):
        match = _NAME.fullmatch(file.name)
        if match and match[1] == file.parent.name and file.suffix.lower() in IMAGE_SUFFIXES:
            images[match[1], int(match[2])] = file
    if not images:
        raise InputError(
            f"{folder}: has no image called <Name>/<Name>_<nnnn>.jpg: give the folder of LFW"
        )
    return dict(sorted(images.items()))


def _read_pairs(file: Path, images: dict[_Image, Path], folder: Path) -> list[_Pair]:
    lines, folds, count = _pair_lines(file)
    people = {person for person, _ in images}
    pairs = []
    for index, line in enumerate(lines):
        where = f"{file} line {index + 2}"
        first, second = _parse_pair(line, where)
        for person, number in (first, second):
            if person not in people:
                raise InputError(
                    f"{where}: there is no person {person!r} in {folder}: correct the name, or add "
                    "the images"
                )
            if (person, number) not in images:
                raise InputError(
                    f"{where}: there is no image {person}/{person}_{number:04d}.jpg in {folder}: "
                    "correct the number, or add the image"
                )
        pairs.append(_Pair(first, second, index // (2 * count) + 1, index + 2))
    for fold in range(folds):
        part = pairs[2 * count * fold : 2 * count * (fold + 1)]
        same = sum(pair.first[0] == pair.second[0] for pair in part)
        if same != count:
            raise InputError(
                f"{file}: fold {fold + 1} (lines {part[0].line} to {part[-1].line}) has {same} "
                f"pairs of one person and {len(part) - same} of two, but line 1 says {count} of "
                "each: correct the lines"
            )
    return pairs


def _pair_lines(file: Path) -> tuple[list[str], int, int]:
    """Return the lines after the first, the number of folds, and of each kind of pair in one."""
    try:
        text = file.read_text(encoding="utf-8-sig").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error}): put pairs.txt there") from error
    header, *lines = text.splitlines() or [""]
    numbers = [int(cell) for cell in header.split() if cell.isdecimal()]
    if len(numbers) != 2 or len(header.split()) != 2 or min(numbers) < 1:
        raise InputError(
            f"{file} line 1: {header!r} is not the number of folds and of pairs of each kind in "
            "one: write e.g. '10 300'"
        )
    folds, count = numbers
    if len(lines) != 2 * folds * count:
        raise InputError(
            f"{file} line 1: says {folds} folds of twice {count} pairs, which are "
            f"{2 * folds * count} lines, but {len(lines)} follow: correct it, or add the lines"
        )
    return lines, folds, count


def _parse_pair(line: str, where: str) -> tuple[_Image, _Image]:
    cells = line.split("\t") if "\t" in line else line.split()
    if len(cells) == 3:
        cells = [cells[0], cells[1], cells[0], cells[2]]
    elif len(cells) != 4 or cells[0] == cells[2]:
        cells = []
    if not cells or not (cells[1].isdecimal() and cells[3].isdecimal()):
        raise InputError(
            f"{where}: {line!r} is not `name i j` or `name i other_name j`: correct it, with tabs "
            "between the cells"
        )
    return (cells[0], int(cells[1])), (cells[2], int(cells[3]))


def _fold_splits(pairs: list[_Pair], test_folds, val_folds) -> dict[int, str] | None:
    """Return the split of each fold, None where no folds were named."""
    if test_folds is None and val_folds is None:
        return None
    splits = {pair.fold: "train" for pair in pairs}
    for split, named in (("test", test_folds), ("val", val_folds)):
        for fold in [named] if isinstance(named, int) else named or ():
            if fold not in splits:
                raise InputError(
                    f"{split}_folds={named!r}: there is no fold {fold!r}: give 1 to {max(splits)}"
                )
            if splits[fold] not in ("train", split):
                raise InputError(f"{split}_folds={named!r}: fold {fold} is also test: name it once")
            splits[fold] = split
    return splits


def _check_people_apart(pairs: list[_Pair], splits: dict[int, str] | None, file: Path) -> None:
    """Refuse splits of which two show the same person."""
    seen: dict[str, _Pair] = {}
    for pair in pairs if splits else ():
        for person, _ in (pair.first, pair.second):
            other = seen.setdefault(person, pair)
            if splits[other.fold] != splits[pair.fold]:
                raise InputError(
                    f"{file} line {pair.line}: {person!r} is in fold {pair.fold}, which is "
                    f"{splits[pair.fold]}, and in fold {other.fold} (line {other.line}), which is "
                    f"{splits[other.fold]}: keep these folds in one split"
                )


def _table(pairs: list[_Pair], images: dict, splits: dict[int, str] | None) -> pd.DataFrame:
    folds: dict[str, int] = {}
    for pair in pairs:
        for person, _ in (pair.first, pair.second):
            folds.setdefault(person, pair.fold)
    people = [person for person, _ in images]
    manifest = pd.DataFrame({"path": list(map(str, images.values())), "subject": people})
    named = sorted(set(people))
    if splits is not None:
        split = [splits.get(folds.get(person), "train") for person in people]
        known = {person for person, part in zip(people, split, strict=True) if part == "train"}
        named = sorted(known)
    classes = {person: number for number, person in enumerate(named)}
    manifest["identity"] = pd.array([classes.get(person) for person in people], "Int64")
    manifest["fold"] = pd.array([folds.get(person) for person in people], "Int64")
    if splits is not None:
        manifest["split"] = split
    manifest.attrs["classes"] = {"identity": named}
    return manifest


def _pairs_table(pairs: list[_Pair], images: dict, splits: dict[int, str] | None) -> pd.DataFrame:
    manifest = pair_manifest(
        [images[pair.first] for pair in pairs],
        [images[pair.second] for pair in pairs],
        same=[int(pair.first[0] == pair.second[0]) for pair in pairs],
        folds=[pair.fold for pair in pairs],
    )
    subjects = [person for pair in pairs for person, _ in (pair.first, pair.second)]
    manifest.insert(1, "subject", subjects)
    if splits is not None:
        manifest["split"] = manifest["fold"].map(splits)
    return manifest
