"""How long the clips of a manifest are, without decoding them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.units import UnitSequence
from mtl_lowres.data.video import read_frames


def clip_lengths(manifest: pd.DataFrame, clip: str) -> np.ndarray:
    """Return how many frames the video of each row has; of stored features, how many units.

    A row with `start` and `stop` has the frames between them. Otherwise the file is asked: of a
    video its header, which may claim more frames than can be decoded, and one frame is decoded; of
    a `.npy` file its shape.

    Args:
        manifest: rows with `path`, and perhaps `start` and `stop`.
        clip: text of `parse_clip`.

    Returns:
        float64 [rows], NaN where the file cannot be read or has no such part.
    """
    if isinstance(parse_clip(clip), UnitSequence):
        return np.array(_of_files(manifest["path"], _count_units), np.float64)
    starts, stops = (
        pd.to_numeric(manifest[name]).to_numpy(np.float64, na_value=np.nan)
        if name in manifest
        else np.full(len(manifest), np.nan)
        for name in ("start", "stop")
    )
    lengths = stops - np.nan_to_num(starts)
    asked = np.isnan(lengths)
    counts = _of_files(manifest["path"][asked], _count_frames)
    lengths[asked] = counts - np.nan_to_num(starts[asked])
    return np.where(lengths > 0, lengths, np.nan)


def _of_files(paths: pd.Series, count) -> np.ndarray:
    """Return what `count` says of each path; each file is opened once."""
    distinct, places = np.unique(paths.astype(str), return_inverse=True)
    with ThreadPoolExecutor() as threads:
        return np.array(list(threads.map(count, distinct)), np.float64)[places]


def _count_units(path: str) -> float:
    try:
        return len(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, TypeError):
        return np.nan


def _count_frames(path: str) -> float:
    counts = []

    def first(count):
        counts.append(count)
        return np.zeros(1, int)

    try:
        read_frames(path, indices=first)
    except ValueError:
        return np.nan
    return counts[-1]
