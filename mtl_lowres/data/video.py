"""Frames of video files, arrays and images as NumPy arrays."""

import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

# FFmpeg would write a line for each damaged frame; it reads this when it is first used.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np
import tensorflow as tf

from mtl_lowres.data.decode import MAX_PIXELS, decode_image, explain
from mtl_lowres.data.headers import MAGIC_BYTES, ZIP_MAGIC, is_video
from mtl_lowres.data.packed import is_packed, read_contents

# The largest array in an .npz file, which can only be read whole.
_MAX_NPZ_BYTES = 2**31
_FLOAT_SLACK = 1e-3  # by which resampled floats may leave [0, 1], as in single .npy images
_CHECKED_FRAMES = 32  # that `explain_clip` looks at
_LIBRARY_ERRORS = (cv2.error, zipfile.BadZipFile, zlib.error)

# The reasons given here say more than its warning that a file does not open.
cv2.setLogLevel(2)

Indices = np.ndarray | Callable[[int], np.ndarray]


def read_frames(
    path: str | Path,
    start: int | None = None,
    stop: int | None = None,
    indices: Indices | None = None,
) -> np.ndarray:
    """Read frames of a video, an array file or an image; the content decides which it is.

    - Video (AVI, MP4, MOV, MKV, WebM) through OpenCV, in RGB. It is decoded from the beginning to
      the last frame that is wanted, and only the wanted frames are converted. It ends with the
      first frame that cannot be decoded, whatever number of frames the file claims.
    - `.npy` of shape [T, h, w] or [T, h, w, 1 or 3], read from a memory map; [h, w] and
      [h, w, 1, 3 or 4] are one frame. `.npz` of the same shapes: the array `frames`, or the only
      one. Values as in single images (`decode_npy`).
    - An image of any format of `decode_image` is one frame.

    Args:
        path: the file.
        start: first frame of the part to read; default: 0.
        stop: frame after the last one; default, and beyond the end: the end.
        indices: frames to take, counted from `start`, in any order and also repeatedly; or a
            function from the number of frames of the part to them. Default: all.

    Returns:
        [T, h, w, 3]: uint8, or float32 in [0, 1] where the file holds another type.

    Raises:
        ValueError: with a reason of one line, if the file cannot be used.

    Example:
        >>> read_frames("walk.avi", start=30, indices=lambda count: np.arange(0, count, 2)).shape
        (35, 120, 160, 3)
    """
    frames, places = read_distinct(path, start, stop, indices)
    return frames[places]


def read_distinct(path, start=None, stop=None, indices=None) -> tuple[np.ndarray, np.ndarray]:
    """Read as `read_frames`, each frame once: return the frames and which one stands where."""
    path = Path(path)
    choose = indices if callable(indices) else lambda count: indices
    if indices is None:
        choose = np.arange
    try:
        if is_image(path):
            places = np.zeros_like(_chosen(choose, check_part(1, start, stop)))
            return decode_image(read_contents(path)).numpy()[np.newaxis], places
        if is_video(_first_bytes(path)):
            return _read_video(path, start, stop, choose)
        array = _open_array(path)
        indices = _chosen(choose, check_part(len(array), start, stop))
        distinct, places = np.unique(indices, return_inverse=True)
        return _as_rgb(array[(start or 0) + distinct]), places
    except tf.errors.OpError:
        raise ValueError(explain(path) or "cannot be decoded") from None
    except (OSError, EOFError, MemoryError, RuntimeError, *_LIBRARY_ERRORS) as error:
        text = " ".join(str(error).split()) or "not enough memory"
        raise ValueError(f"cannot be read: {text}") from None


def explain_clip(path: str | Path, start: int | None = None, stop: int | None = None) -> str | None:
    """Say in one line why no clip can be read from a file, or return None if one can.

    Up to 32 frames that are spread evenly over the part are decoded.

    Example:
        >>> explain_clip("empty.avi")
        'a video without frames'
    """
    try:
        read_distinct(path, start, stop, _spread)
    except ValueError as error:
        return str(error)
    return None


def is_image(path: Path) -> bool:
    """Return whether a file is an image of a format of its own or packed, that is, not an array.

    Raises:
        ValueError: if there is no such file or it is empty.
    """
    formats = tuple(magic for kind, magic in MAGIC_BYTES.items() if kind != "npy")
    return is_packed(path) or _first_bytes(path).startswith(formats)


def check_part(count: int, start: int | None, stop: int | None) -> int:
    """Return how many of `count` frames lie in [start, stop).

    Raises:
        ValueError: if there is none.
    """
    start = start or 0
    stop = count if stop is None else min(stop, count)
    if start >= count:
        raise ValueError(f"start {start} is beyond the end: the file has {_frames(count)}")
    if stop <= start:
        raise ValueError(f"no frames between start {start} and stop {stop}")
    return stop - start


def _first_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError("no such file" if not path.exists() else "not a regular file")
    with path.open("rb") as file:
        start = file.read(16)
    if not start:
        raise ValueError("empty file (0 bytes)")
    return start


def _spread(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, _CHECKED_FRAMES)).round().astype(int))


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _chosen(choose: Callable, count: int) -> np.ndarray:
    """Return the frames to take of `count`.

    Raises:
        ValueError: if one is not there.
    """
    indices = np.asarray(choose(count))
    if indices.size and not 0 <= indices.min() <= indices.max() < count:
        raise ValueError(
            f"frames {indices.min()} to {indices.max()} are wanted of {_frames(count)}"
        )
    return indices


def _read_video(path: Path, start, stop, choose) -> tuple[np.ndarray, np.ndarray]:
    video = open_video(path)
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    if count < 1:  # the file does not say
        count = _count_frames(video)
        video = open_video(path)
    while True:
        indices = _chosen(choose, check_part(count, start, stop))
        distinct, places = np.unique(indices, return_inverse=True)
        frames, decoded = _grab(video, (start or 0) + distinct)
        if len(frames) == len(distinct):
            return np.stack(frames), places
        # The file claims more frames than it has: choose again, of those that are there.
        if decoded == 0:
            raise ValueError("a video of which no frame can be decoded")
        count = decoded
        video = open_video(path)


def open_video(path: Path) -> cv2.VideoCapture:
    """Return a video at its first frame; ValueError says why it cannot be opened."""
    # One thread each: the files are read in parallel. An absolute path is never taken for a URL.
    options = [cv2.CAP_PROP_N_THREADS, 1]
    video = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, options)
    if not video.isOpened():
        raise ValueError("a truncated or corrupt video, or of a codec that OpenCV lacks")
    sides = cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH
    _check_size(*(int(video.get(side)) for side in sides))
    return video


def _count_frames(video: cv2.VideoCapture) -> int:
    count = 0
    while video.grab():
        count += 1
    if count == 0:
        raise ValueError("a video without frames")
    return count


def _grab(video: cv2.VideoCapture, wanted: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Return the RGB frames at the ascending numbers `wanted`, and how many frames were decoded.

    They are fewer than wanted where the video ends before.
    """
    frames, number = [], 0
    for index in wanted:
        while number <= index:
            if not video.grab():
                return frames, number
            number += 1
        good, frame = video.retrieve()
        if not good or (frames and frame.shape != frames[0].shape):
            return frames, number - 1
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return frames, number


def _open_array(path: Path) -> np.ndarray:
    """Return the array of an `.npy` or `.npz` file as [T, h, w, c], without reading `.npy` data."""
    start = _first_bytes(path)
    if start.startswith(MAGIC_BYTES["npy"]):
        array = _array_of_npy(path)
    elif start.startswith(ZIP_MAGIC):
        array = _array_of_npz(path)
    else:
        raise ValueError(f"not a video, array or image: starts with {start!r}")
    shape = array.shape
    if array.ndim == 2:
        array = array[np.newaxis, ..., np.newaxis]
    elif array.ndim == 3 and shape[-1] in (1, 3, 4):
        array = array[np.newaxis]
    elif array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4):
        raise ValueError(f"the array's shape must be [T, h, w], [T, h, w, 1 or 3], not {shape}")
    if array.dtype.kind not in "uif":
        raise ValueError(f"cannot read values of type {array.dtype}")
    if len(array) == 0:
        raise ValueError(f"an array without frames, of shape {shape}")
    _check_size(*array.shape[1:3])
    return array


def _array_of_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"corrupt or truncated .npy: {str(error).splitlines()[0]}") from None


def _array_of_npz(path: Path) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        sizes = {
            info.filename.removesuffix(".npy"): info.file_size
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }
    name = "frames" if "frames" in sizes else next(iter(sizes), None)
    if name is None or (name != "frames" and len(sizes) > 1):
        raise ValueError(f"the .npz file must hold an array 'frames', or one array, not {[*sizes]}")
    if sizes[name] > _MAX_NPZ_BYTES:
        raise ValueError(f"{sizes[name]} bytes of frames are too many for .npz: save them as .npy")
    with np.load(path, allow_pickle=False) as arrays:
        return arrays[name]


def _check_size(height: int, width: int) -> None:
    if height < 1 or width < 1:
        raise ValueError(f"no pixels: the file says {width} x {height}")
    if height * width > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels is above the limit of {MAX_PIXELS}")


def _as_rgb(frames: np.ndarray) -> np.ndarray:
    """Return [T, h, w, 3], uint8 as it is and other values as float32 in [0, 1]."""
    if frames.dtype.kind == "u" and frames.dtype.itemsize <= 2:
        if frames.dtype != np.uint8:
            frames = np.multiply(frames, np.float32(1 / 65535), dtype=np.float32)
    else:
        frames = _checked_range(frames)
    if frames.shape[-1] == 1:
        return np.repeat(frames, 3, axis=-1)
    return np.ascontiguousarray(frames[..., :3])


def _checked_range(frames: np.ndarray) -> np.ndarray:
    """Return signed integers of 0..255, or floats of [0, 1], as float32 in [0, 1]."""
    low, high = frames.min(), frames.max()
    rule, largest, slack = "floats must lie in [0, 1]; they range from", 1, _FLOAT_SLACK
    if frames.dtype.kind != "f":
        rule, largest, slack = "integers must lie in 0..255; they range from", 255, 0
    # NaN compares false, and so fails.
    if not (low >= -slack and high <= largest + slack):
        raise ValueError(f"{rule} {low} to {high}")
    return np.clip(frames.astype(np.float32) * np.float32(1 / largest), 0.0, 1.0)
