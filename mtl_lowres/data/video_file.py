"""Frames to a video file."""

from pathlib import Path

import cv2
import numpy as np


def write_video(frames: np.ndarray, path: str | Path, frames_per_second: float) -> None:
    """Write a Motion-JPEG AVI, whole or not at all.

    OpenCV's own writer makes it, whose files do not depend on the FFmpeg that it was built with.

    Args:
        frames: uint8, grey [t, h, w] or RGB [t, h, w, 3].
        path: of the file, with any ending.
        frames_per_second: positive.

    Raises:
        OSError: if the file cannot be written, or OpenCV has no such writer.
    """
    path = Path(path)
    # OpenCV goes by the ending.
    named = path.with_name(f"{path.name}.avi")
    size = frames.shape[2], frames.shape[1]
    fourcc = cv2.VideoWriter_fourcc(*"MJPG")
    video = cv2.VideoWriter(str(named), cv2.CAP_OPENCV_MJPEG, fourcc, frames_per_second, size)
    if not video.isOpened():
        raise OSError(f"{path}: OpenCV cannot write a video there")
    conversion = cv2.COLOR_GRAY2BGR if frames.ndim == 3 else cv2.COLOR_RGB2BGR
    for frame in frames:
        video.write(cv2.cvtColor(frame, conversion))
    video.release()
    named.replace(path)
