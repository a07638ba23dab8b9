"""Image and video files as batches of what a model sees."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.sources import open_loader
from mtl_lowres.input_recipe import input_recipe
from mtl_lowres.serving.calibrated import shorter_side

IMAGES_A_BATCH, CLIPS_A_BATCH = 64, 8


class Described(Protocol):
    """A model, or what was made of one.

    Attributes:
        description: `input_shape`, `degrade`, `clip` and perhaps `calibration`, as of a
            `MultiTaskModel`.
    """

    description: dict


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some samples in order, and what a model sees of those that can be read.

    Attributes:
        places: what names each sample, such as `{"path": "a.jpg"}`; with `error`, a reason of one
            line, where it cannot be read.
        samples: float32 [k, *input_shape], of the k places without `error`.
        sides: the shorter side of each of the k images in pixels, or of the first frames of clips;
            zeros where no calibration depends on it.
    """

    places: list[dict]
    samples: np.ndarray
    sides: np.ndarray


def read_files(
    model: Described, paths: Sequence[str | Path], degrade: str | None = None
) -> Iterator[Batch]:
    """Yield the images or clips of files of any size; arguments are those of `read_rows`."""
    return read_rows(model, pd.DataFrame({"path": [str(path) for path in paths]}), degrade)


def read_rows(
    model: Described, manifest: pd.DataFrame, degrade: str | None = None
) -> Iterator[Batch]:
    """Yield the images or clips of a manifest's rows, in order.

    A model of clips takes its own rule's frames, or `uniform` ones where it has none.

    Args:
        model: it says which recipe and clips it takes.
        manifest: rows with `path`, and for clips perhaps `start`, `stop` and `flow`.
        degrade: another recipe than the model's own.

    Raises:
        InputError: if no recipe is known, or another one cannot be used.
    """
    loader = open_loader(
        manifest,
        (),
        degrade=input_recipe(model.description, degrade),
        hr=None,
        clip=known_clip(model),
        augmentation=None,
        seed=0,
        fast_decode=False,
    )
    size, by_size = batch_size(model), depends_on_size(model)
    parts = _parts(manifest) if loader.clip is not None else [{}] * len(manifest)
    # Not by a dataset, which takes longer to set up than a few files take to read.
    for first in range(0, len(manifest), size):
        rows = np.arange(first, min(first + size, len(manifest)))
        images, ok = loader(tf.constant(rows, tf.int64), 0)
        good = ok.numpy()
        places = [{"path": loader.paths[row], **parts[row]} for row in rows]
        for place, row in zip(places, rows, strict=True):
            if not good[row - first]:
                place["error"] = loader.explain(row)
        sides = [shorter_side(loader.paths[row]) if by_size else 0 for row in rows[good]]
        yield Batch(places, images["lr"].numpy()[good], np.array(sides, np.int32))


def _parts(manifest: pd.DataFrame) -> list[dict]:
    """Return `start` and `stop` of each row, where it has them."""
    ends = [name for name in ("start", "stop") if name in manifest]
    columns = [[None if pd.isna(end) else int(end) for end in manifest[name]] for name in ends]
    rows = zip(*columns, strict=True) if ends else [()] * len(manifest)
    return [
        {name: end for name, end in zip(ends, row, strict=True) if end is not None} for row in rows
    ]


def known_clip(model: Described) -> str | None:
    """Return which frames a model takes of a video; None for a model of images."""
    frames = model.description["input_shape"][:-3]
    return model.description.get("clip") or (f"uniform({frames[0]})" if frames else None)


def batch_size(model: Described) -> int:
    """Return how many samples are read at a time."""
    return IMAGES_A_BATCH if len(model.description["input_shape"]) == 3 else CLIPS_A_BATCH


def depends_on_size(model: Described) -> bool:
    """Return whether a calibration of the model differs from one image size to another."""
    calibration = model.description.get("calibration") or {}
    return any(len(entries) > 1 for tasks in calibration.values() for entries in tasks.values())
