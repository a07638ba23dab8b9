"""`webface`: CASIA-WebFace (Yi et al., 2014), with a list of its faces and landmarks or without.

    <person>/<image>.jpg                     images, 10,575 folders

A line of the list is a path with a label, five points, both or nothing behind it, separated by
commas, tabs or blanks, which covers the lists that are passed around:

    CASIA-WebFace/0000045/001.jpg 0                                    cleaned list
    0000045/001.jpg,79,92,132,91,105,119,82,143,130,142                SphereFace at low resolution
    0000045/001.jpg<tab>0<tab>79<tab>92<tab>132<tab>...                SphereFace in PyTorch
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtl_lowres.datasets.alignment import align_files, parse_points
from mtl_lowres.datasets.folder import IMAGE_SUFFIXES, list_files
from mtl_lowres.errors import InputError
from mtl_lowres.registry import DATASETS

# The path ends with the first suffix of an image, so that it may hold blanks.
_LINE = re.compile(r"\s*(.+?\.(?:jpe?g|png|bmp))(?:[\s,]+(.*))?", re.IGNORECASE)
_LABEL, _POINTS = 1, 10


class _Face(NamedTuple):
    name: str
    label: int | None
    points: np.ndarray | None
    line: int


@DATASETS.register("webface")
def read_webface(
    path: str | Path,
    *,
    faces: str | Path | None = None,
    aligned: str | Path | None = None,
    aligned_side: int = 150,
    aligned_zoom: float = 1.4,
    aligned_size: tuple[int, int] | None = None,
    landmarks: str | Path | None = None,
) -> pd.DataFrame:
    """Read the faces of CASIA-WebFace, all or those of a list, and align them if asked to.

    A person is a folder. Where the list has labels, each folder must have one of its own; people
    are numbered without gaps in the order of their folders' names all the same.

    Args:
        path: the folder with a folder a person.
        faces: the list; its paths are relative to `path` or to the folder around it. Default: all
            images that lie in the folder of a person.
        aligned: folder for aligned copies of the faces, as PNG files; the manifest then names
            those. They are written once, and after an interruption only the missing ones. A face
            without landmarks gets the median ones of the set.
        aligned_side: side of the aligned faces in pixels.
        aligned_zoom: how closely they are cropped; see `alignment.face_points`.
        aligned_size: (height, width) of the aligned faces, such as (112, 96) for SphereFace's
            template, in place of `aligned_side` and `aligned_zoom`.
        landmarks: list with points, of the same form; default: `faces` itself.

    Returns:
        The manifest: path, subject (name of the folder) and identity (Int64).

    Raises:
        InputError: if a file cannot be read, a line is not of that form, an image is named twice or
            missing, a folder has two labels or a label two folders, or faces cannot be aligned.

    Example:
        >>> read_dataset("webface", "CASIA-WebFace", faces="casia_landmark.txt",
        ...              aligned="chips", aligned_size=(112, 96))  # doctest: +SKIP
    """
    root = Path(path).absolute()
    files = _list_images(root) if faces is None else _listed_images(root, Path(faces))
    people = [PurePosixPath(name).parent.name for name in files]
    if aligned is not None:
        if landmarks is None and faces is None:
            raise InputError(f"aligned={str(aligned)!r} needs landmarks: name a list that has them")
        points_file = Path(landmarks or faces)
        chips = align_files(
            files,
            points_file,
            aligned,
            side=aligned_side,
            zoom=aligned_zoom,
            size=aligned_size,
            points=_read_points(points_file),
        )
        files = dict(zip(files, chips, strict=True))
    names = sorted(set(people))
    classes = {person: number for number, person in enumerate(names)}
    manifest = pd.DataFrame({"path": list(map(str, files.values())), "subject": people})
    manifest["identity"] = pd.array([classes[person] for person in people], "Int64")
    manifest.attrs["classes"] = {"identity": names}
    return manifest


def _list_images(root: Path) -> dict[str, Path]:
    """Return the images in the folders of people, by their names in lists."""
    files = {
        file.relative_to(root).as_posix(): file
        for file in list_files(root)
        if file.suffix.lower() in IMAGE_SUFFIXES and file.parent.parent == root
    }
    if not files:
        raise InputError(f"{root}: has no image <person>/<image>: give the folder of WebFace")
    return files


def _listed_images(root: Path, list_file: Path) -> dict[str, Path]:
    faces = _read_list(list_file)
    _check_labels(faces, list_file)
    files = {face.name: root / face.name for face in faces}
    for face in faces:
        if not os.path.isfile(files[face.name]):  # noqa: PTH113
            raise InputError(
                f"{list_file} line {face.line}: there is no image {files[face.name]}: add it or "
                "delete the line"
            )
    return files


def _read_list(file: Path) -> list[_Face]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error}): name the list of faces") from error
    faces, seen = [], {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        face = _parse(line, number, f"{file} line {number}")
        if face.name in seen:
            raise InputError(
                f"{file} line {number}: {face.name!r} is also in line {seen[face.name]}: delete one"
            )
        seen[face.name] = number
        faces.append(face)
    if not faces:
        raise InputError(f"{file}: has no line: it needs one for each face")
    return faces


def _parse(line: str, number: int, where: str) -> _Face:
    match = _LINE.fullmatch(line)
    cells = [cell for cell in re.split(r"[\s,]+", match[2] or "") if cell] if match else []
    if not match or len(cells) not in (0, _LABEL, _POINTS, _LABEL + _POINTS):
        raise InputError(
            f"{where}: {line.strip()!r} is not an image with a label, five points x,y, or both "
            f"({len(cells)} numbers): mend or delete it"
        )
    # Only the person's folder and the image: lists differ in what they write before it.
    name = "/".join(match[1].replace("\\", "/").split("/")[-2:])
    try:
        label = int(cells[0]) if len(cells) % _POINTS == _LABEL else None
        points = parse_points(cells[-_POINTS:]) if len(cells) >= _POINTS else None
    except ValueError:
        raise InputError(
            f"{where}: {line.strip()!r} has something else than numbers behind the image, or five "
            "points that are one: mend or delete it"
        ) from None
    if "/" not in name:
        raise InputError(f"{where}: {name!r} has no folder, which is the person: write it before")
    return _Face(name, label, points, number)


def _check_labels(faces: list[_Face], list_file: Path) -> None:
    """Check that folders and labels, where there are labels, stand for each other."""
    labels: dict[str, int] = {}
    owners: dict[int, str] = {}
    for face in faces:
        if face.label is None:
            continue
        person = face.name.split("/")[0]
        label, owner = labels.setdefault(person, face.label), owners.setdefault(face.label, person)
        if (label, owner) != (face.label, person):
            raise InputError(
                f"{list_file} line {face.line}: folder {person!r} has label {face.label}, but "
                f"before {person!r} had {label} and {face.label} was {owner!r}: correct the labels"
            )


def _read_points(file: Path) -> dict[str, np.ndarray]:
    points = {face.name: face.points for face in _read_list(file) if face.points is not None}
    if not points:
        raise InputError(f"{file}: has no points, which aligning needs: name a list with landmarks")
    return points
