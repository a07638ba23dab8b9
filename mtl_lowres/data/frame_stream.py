"""The frames of a file one after the other, however long it is."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mtl_lowres.data.headers import MAGIC_BYTES, is_video
from mtl_lowres.data.video import open_video, read_frames

_FRAMES_AT_ONCE = 64


def stream_frames(path: str | Path, every: int = 1) -> Iterator[np.ndarray]:
    """Yield some frames at a time of a video, an array file or an image.

    A video is decoded once and never held as a whole; an array file is read whole.

    Args:
        path: of any file that `mtl_lowres.data.video.read_frames` reads.
        every: take each `every`-th frame only.

    Yields:
        [k, h, w, 3]: uint8, or float32 in [0, 1] where the file holds another type.

    Raises:
        ValueError: with a reason of one line, if the file cannot be used.
    """
    path = Path(path)
    if not (path.is_file() and is_video(_start(path))):
        frames = read_frames(path)[::every]
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            yield frames[first : first + _FRAMES_AT_ONCE]
        return
    found = False
    for frames in _chunks(open_video(path), every):
        found = True
        yield frames
    if not found:
        raise ValueError("a video of which no frame can be decoded")


def has_frames(path: str | Path) -> bool:
    """Return whether a file is a video, or a `.npy` array of frames [T, h, w, channels].

    False for a file that cannot be opened.
    """
    try:
        start = _start(Path(path))
        if start.startswith(MAGIC_BYTES["npy"]):
            return np.load(path, mmap_mode="r", allow_pickle=False).ndim == 4
        return is_video(start)
    except (OSError, ValueError):
        return False


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _chunks(video: cv2.VideoCapture, every: int) -> Iterator[np.ndarray]:
    """Yield RGB frames up to the first that cannot be decoded or is of another size."""
    frames, number = [], 0
    while video.grab():
        if number % every == 0:
            good, frame = video.retrieve()
            if not good or (frames and frame.shape != frames[0].shape):
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        number += 1
        if len(frames) == _FRAMES_AT_ONCE:
            yield np.stack(frames)
            frames = []
    if frames:
        yield np.stack(frames)
