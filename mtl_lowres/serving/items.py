"""Whatever a model is asked about, as batches of what it sees."""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_lowres.data.frame_stream import has_frames
from mtl_lowres.errors import InputError
from mtl_lowres.serving.files import Batch, Described, read_files, read_rows
from mtl_lowres.serving.frames import read_arrays, read_windows

Items = str | Path | np.ndarray | pd.DataFrame | Sequence[str | Path] | Sequence[np.ndarray]


def read_items(
    model: Described, items: Items, window: int | None, every: int | None, degrade: str | None
) -> Iterator[Batch]:
    """Return what reads files, rows of a manifest, or images and clips in memory.

    Args:
        model: it says which recipe and clips it takes.
        items, window, every, degrade: as of `mtl_lowres.Predictor.answers`.

    Raises:
        InputError: if there is no item, or an argument cannot be used.
    """
    _check_parts(len(model.description["input_shape"]), window, every)
    if isinstance(items, (str, os.PathLike)):
        items = [items]
    elif not isinstance(items, (np.ndarray, pd.DataFrame)):
        items = list(items)
    if len(items) == 0:
        raise InputError("nothing to answer for: give at least one file, row, image or clip")
    if isinstance(items, pd.DataFrame):
        return _read_manifest(model, items, window or every, degrade)
    if isinstance(items[0], (str, os.PathLike)):
        return _read_paths(model, items, window, every, degrade)
    return read_arrays(model, items, degrade)


def _check_parts(rank: int, window: int | None, every: int | None) -> None:
    """Check what is asked of long videos; `rank` is that of a sample: 3 of an image."""
    for name, frames in (("window", window), ("every", every)):
        if frames is not None and frames < 1:
            raise InputError(f"{name}={frames!r}: give a number of frames, at least 1")
    if window and rank == 3:
        raise InputError(
            f"window={window} is for a model of clips; this one sees images: give every="
        )
    if every and not window and rank != 3:
        raise InputError(f"every={every} needs window=, the frames of a part, too")


def _read_manifest(model, manifest: pd.DataFrame, parts: int | None, degrade) -> Iterator[Batch]:
    if "path" not in manifest:
        raise InputError(
            f"the manifest has no column 'path', only {list(manifest.columns)}: add it"
        )
    if parts:
        raise InputError("a manifest says itself which frames a row has: leave out window, every")
    return read_rows(model, manifest, degrade)


def _read_paths(
    model: Described,
    paths: Sequence[str | Path],
    window: int | None,
    every: int | None,
    degrade: str | None,
) -> Iterator[Batch]:
    sees_images = len(model.description["input_shape"]) == 3

    def has_parts(path) -> bool:
        return bool(window) or (sees_images and has_frames(path))

    for in_parts, group in itertools.groupby(paths, has_parts):
        if not in_parts:
            yield from read_files(model, list(group), degrade)
            continue
        for path in group:
            yield from read_windows(model, path, window or 1, every or window or 1, degrade)
