"""Small image and video files, for the tests of predictions."""

import cv2
import numpy as np


def write_noise(path, seed):
    """Write an image of random pixels, and return it, uint8 [20, 30, 3]."""
    path.parent.mkdir(exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return image


def write_levels(path, levels):
    """Write a video of 16 x 16 pixels, each frame of one level of grey."""
    video = cv2.VideoWriter(
        str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter_fourcc(*"MJPG"), 10, (16, 16)
    )
    for level in levels:
        video.write(np.full((16, 16, 3), level, np.uint8))
    video.release()


def write_clips(folder):
    """Return files of six frames in five formats, and the frames that `uniform(3)` takes of them.

    It takes the middle ones of three equal parts: 1, 3 and 5.
    """
    frames = np.random.default_rng(3).integers(0, 255, (6, 16, 16, 3), np.uint8)
    np.save(folder / "clip.npy", frames)
    np.savez(folder / "clip.npz", frames=frames)
    np.save(folder / "short.npy", frames[:1])
    image = write_noise(folder / "image.png", 5)
    levels = (20, 60, 100, 140, 180, 220)
    write_levels(folder / "vidéo.avi", levels)
    gray = [np.full((16, 16, 3), levels[i], np.uint8) for i in (1, 3, 5)]
    return {
        folder / "clip.npy": frames[[1, 3, 5]],
        folder / "clip.npz": frames[[1, 3, 5]],
        folder / "short.npy": frames[[0, 0, 0]],
        folder / "image.png": np.stack([image] * 3),
        folder / "vidéo.avi": np.stack(gray),
    }
