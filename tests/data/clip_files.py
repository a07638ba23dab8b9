"""Writes the clips that tests read."""

from pathlib import Path

import cv2
import numpy as np


def moving_bar(count: int, height: int = 24, width: int = 32) -> np.ndarray:
    """Return uint8 RGB frames [count, h, w, 3]: red 8 x the frame's number, blue 100."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0] = (8 * np.arange(count))[:, np.newaxis, np.newaxis]
    frames[..., 2] = 100
    return frames


def write_video(path: Path, frames: np.ndarray, codec: str = "MJPG") -> Path:
    """Write RGB frames; MJPG is for `.avi` and mp4v for `.mp4`."""
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 10, (width, height))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
