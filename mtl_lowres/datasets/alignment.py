"""Faces brought to a common place and size by five points: eyes, nose, corners of the mouth."""

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json

# Left eye, right eye, nose, left and right corner of the mouth, x and y in a face that is 96 pixels
# wide and 112 high (SphereFace's template).
TEMPLATE = np.array(
    [
        (30.2946, 51.6963),
        (65.5318, 51.5014),
        (48.0252, 71.7366),
        (33.5493, 92.3655),
        (62.7299, 92.2041),
    ]
)
_TEMPLATE_SIZE = (112, 96)
# The side of a chip at which `zoom` enlarges the template by exactly itself.
_REFERENCE_SIDE = 150
_SETTINGS_FILE = "alignment.json"


def face_points(
    side: int = 150, zoom: float = 1.4, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Return where the five points lie in an aligned chip, float64 [5, 2], x and y in pixels.

    In a square chip the mean of the points is the middle. At the defaults this is how the 128-d
    face network of dlib sees a face; a larger zoom shows less around it, whatever the side.

    With a `size` they lie as in SphereFace's template of 112x96 pixels, which is scaled until it
    just fits and put in the middle: (112, 96) is the template as published, (112, 112) that of
    ArcFace.

    Args:
        side: of a square chip, in pixels.
        zoom: of a square chip.
        size: (height, width) of the chip, in place of `side` and `zoom`.
    """
    if size is not None:
        scale = min(size[0] / _TEMPLATE_SIZE[0], size[1] / _TEMPLATE_SIZE[1])
        top, left = (np.array(size) - scale * np.array(_TEMPLATE_SIZE)) / 2
        return TEMPLATE * scale + (left, top)
    centred = TEMPLATE - TEMPLATE.mean(axis=0)
    return centred * zoom * side / _REFERENCE_SIDE + side / 2


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the rotation, scale and shift that lead from `source` nearest to `target`.

    Args:
        source: points [k, 2], k at least 2 and not all in one place.
        target: where they should be, [k, 2].

    Returns:
        float64 [2, 3], M such that M @ (x, y, 1) is the moved point, with the least sum of squared
        distances and never a reflection.

    Raises:
        ValueError: if the points are of another shape or all in one place.

    Source: Umeyama, PAMI 1991, equations 34 to 43.
    """
    source, target = np.asarray(source, float), np.asarray(target, float)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(f"points must be [k, 2] twice, not {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    variance = ((source - source_mean) ** 2).sum() / len(source)
    if variance == 0:
        raise ValueError("the points are all in one place, which fixes no rotation and scale")
    covariance = (target - target_mean).T @ (source - source_mean) / len(source)
    left, singular, right = np.linalg.svd(covariance)
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ np.diag(signs) @ right
    linear = rotation * (singular @ signs) / variance
    return np.column_stack([linear, target_mean - linear @ source_mean])


def align_face(
    image: np.ndarray,
    points: np.ndarray,
    side: int = 150,
    zoom: float = 1.4,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return the face as a chip, turned and scaled so that its points lie as they should.

    Cubic interpolation; what lies outside the image repeats its edge. A face that shrinks to less
    than two thirds is drawn two or more times as large and averaged down, without which fine
    detail would turn into false patterns.

    Args:
        image: uint8 [h, w, c].
        points: left eye, right eye, nose, left and right corner of the mouth, [5, 2], x and y in
            pixels. Left is the side of the image.
        side: of a square chip, in pixels.
        zoom: see `face_points`.
        size: (height, width) of the chip, in place of `side` and `zoom`; see `face_points`.

    Returns:
        uint8 [side, side, c], or [height, width, c].
    """
    height, width = size or (side, side)
    matrix = similarity_transform(points, face_points(side, zoom, size))
    scale = np.sqrt(np.abs(np.linalg.det(matrix[:, :2])))
    factor = max(1, round(1 / scale))
    # The middle of the first pixel lies at (factor - 1) / 2 in the enlarged chip.
    enlarged = matrix * factor + np.array([[0, 0, 1], [0, 0, 1]]) * (factor - 1) / 2
    chip = cv2.warpAffine(
        image,
        enlarged,
        (width * factor, height * factor),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(chip, (width, height), interpolation=cv2.INTER_AREA) if factor > 1 else chip


def parse_points(cells: Sequence[str]) -> np.ndarray:
    """Return five points, float64 [5, 2], of the texts x,y,x,y,x,y,x,y,x,y.

    Raises:
        ValueError: if these are not ten finite numbers, or the points are all in one place.
    """
    points = np.array(cells, float).reshape(5, 2)
    if not np.isfinite(points).all() or (points == points[0]).all():
        raise ValueError(f"{','.join(cells)} fix no place, size and direction")
    return points


def read_landmarks(path: str | Path) -> dict[str, np.ndarray]:
    """Read the five points of each face from a CSV without a header.

    A line is name,x,y,x,y,x,y,x,y,x,y in the order of `align_face`.

    Returns:
        name -> float64 [5, 2].

    Raises:
        InputError: if the file is missing or empty, or a line is not of that form.
    """
    path, landmarks = Path(path), {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}): name the faces' landmarks") from error
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        try:
            landmarks[row[0]] = parse_points(row[1:])
        except (ValueError, IndexError) as error:
            raise InputError(
                f"{path} line {number}: {','.join(row)!r} is not a name and five points x,y, "
                "finite and not all one: mend or delete it"
            ) from error
    if not landmarks:
        raise InputError(f"{path}: has no line: it needs a name and five points x,y for each face")
    return landmarks


def align_files(
    files: dict[str, Path],
    landmarks_csv: str | Path,
    folder: str | Path,
    *,
    side: int = 150,
    zoom: float = 1.4,
    size: tuple[int, int] | None = None,
    points: dict[str, np.ndarray] | None = None,
) -> list[Path]:
    """Write an aligned PNG of each face to `folder/<name>.png`, and only those not yet there.

    A face without points gets the median of all faces' points, which fits where the images are
    already cropped alike. `alignment.json` records the settings.

    Args:
        files: name in the landmarks -> image file.
        landmarks_csv: see `read_landmarks`; any file where `points` are given.
        folder: made if missing; it must hold nothing but faces aligned with the same settings.
        side: of square chips, in pixels.
        zoom: see `face_points`.
        size: (height, width) of the chips, in place of `side` and `zoom`; see `face_points`.
        points: what was read from `landmarks_csv` where it has another form: name -> [5, 2].

    Returns:
        The chip of each file, in order; the file itself if it cannot be decoded, so that reading
        it says why.

    Raises:
        InputError: if the landmarks cannot be read, a setting is out of range, or the folder holds
            something else.
    """
    settings = _checked_settings(side, zoom, size)
    folder, landmarks = Path(folder).absolute(), points or read_landmarks(landmarks_csv)
    digest = hashlib.sha256(Path(landmarks_csv).read_bytes()).hexdigest()
    _claim_folder(folder, settings | {"landmarks_sha256": digest})
    usual = np.median(list(landmarks.values()), axis=0)

    def align(item: tuple[str, Path]) -> Path:
        name, file = item
        chip_file = folder / f"{name}.png"
        if chip_file.exists():
            return chip_file
        # Through NumPy, since cv2.imread cannot open non-ASCII names on every system.
        contents = np.fromfile(file, np.uint8)
        image = cv2.imdecode(contents, cv2.IMREAD_COLOR) if len(contents) else None
        if image is None:
            return file
        chip = align_face(image, landmarks.get(name, usual), side, zoom, size)
        with replacing(chip_file) as temporary:
            temporary.write_bytes(cv2.imencode(".png", chip)[1].tobytes())
        return chip_file

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        aligned = pool.map(align, files.items())
        return list(tqdm(aligned, "aligning", len(files), unit="face", delay=2))


def _checked_settings(side: int, zoom: float, size: tuple[int, int] | None) -> dict:
    """Return what decides how a chip looks, as it is recorded."""
    if size is None:
        if not _is_side(side) or not zoom > 0:
            raise InputError(f"side={side!r} and zoom={zoom!r}: give at least 8 pixels and above 0")
        return {"side": side, "zoom": zoom}
    pair = isinstance(size, (tuple, list)) and len(size) == 2
    if not pair or not all(map(_is_side, size)):
        raise InputError(
            f"size={size!r}: give (height, width) of at least 8 pixels, such as (112, 96)"
        )
    return {"size": list(size)}


def _is_side(pixels) -> bool:
    return isinstance(pixels, int) and pixels >= 8


def _claim_folder(folder: Path, settings: dict) -> None:
    """Write the settings of a new folder, or check that those of an old one are the same."""
    if not folder.exists() or not any(folder.iterdir()):
        write_json(folder / _SETTINGS_FILE, settings)
        return
    try:
        stored = json.loads((folder / _SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{folder}: holds something else than aligned faces (no readable {_SETTINGS_FILE}): "
            "choose an absent or empty folder"
        ) from None
    for name, value in settings.items():
        if stored.get(name) != value:
            raise InputError(
                f"{folder}: was aligned with {name}={stored.get(name)!r}, not {value!r}: choose "
                "another folder, or remove this one"
            )
