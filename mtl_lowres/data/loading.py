"""Read, decode and degrade manifest rows, images or clips, streamed or from a cache."""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import ClipSampling
from mtl_lowres.data.decode import explain
from mtl_lowres.data.degrade import Recipe
from mtl_lowres.data.flow_channels import FlowChannels
from mtl_lowres.data.kept_arrays import keep_arrays, row_reader
from mtl_lowres.data.packed import file_of, is_packed
from mtl_lowres.data.reading import NO_END, clip_reader, image_reader, why_no_clip
from mtl_lowres.errors import InputError

# Rows of a call that are not only read.
DECODE_BATCH = 64
# Rows that are read into a cache by one call, which takes milliseconds by itself; fewer if large.
_MOST_ROWS, _MOST_BYTES = 512, 2**26


@dataclass
class BadFiles:
    """The files that could not be decoded, and how many may fail before the run stops.

    Attributes:
        total: rows of all the datasets that share this object.
        budget: the tolerated fraction of the rows, in [0, 1].
        reasons: path -> one-line reason, filled while a dataset is read.
        error: what `record` raised. Raised inside a `tf.data` pipeline it reaches the caller as a
            TensorFlow error; this is the original.
    """

    total: int
    budget: float = 0.01
    reasons: dict[str, str] = field(default_factory=dict)
    error: InputError | None = None

    def record(self, reasons: dict[str, str]) -> None:
        """Note undecodable files, path -> reason.

        Raises:
            InputError: when more than `budget` of the rows are bad.
        """
        self.reasons = {**reasons, **self.reasons}
        if len(self.reasons) > self.budget * self.total:
            path, reason = next(iter(self.reasons.items()))
            self.error = InputError(
                f"{len(self.reasons)} of {self.total} files cannot be used, over the budget of "
                f"{self.budget:.1%}; the first is {path}: {reason}. Mend or remove them "
                "(`mtl-lowres manifest --check` lists all), or in training raise --bad-file-budget"
            )
            raise self.error

    def to_frame(self) -> pd.DataFrame:
        """Return a table with the columns `path` and `reason`, sorted by path."""
        return pd.DataFrame(sorted(self.reasons.items()), columns=["path", "reason"])


class Loader:
    """Reads, decodes and degrades rows of a manifest in the graph.

    Attributes:
        shape: of what it makes of a row: (h, w, 3), or for clips (t, h, w, 3), with flow (.., 5).
        shapes: `{"lr": shape}`; other loaders give images of several sizes, each by its name.
        repeatable: whether a row gives the same in every epoch.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        recipe: Recipe,
        augmentation: Augmentation | None,
        seed: int,
        fast_decode: bool,
        clip: ClipSampling | None = None,
    ):
        self.paths = manifest["path"].astype(str).to_numpy()
        self.recipe = recipe
        self.seed = seed
        self.augmentation = augmentation
        self.fast_decode = fast_decode
        self.clip = clip
        self.parts = [(None, None)] * len(manifest)
        self.flow = None
        self._flow_reasons: dict[int, str] = {}
        if clip is not None:
            ends = (_frame_numbers(manifest, column) for column in ("start", "stop"))
            self.parts = list(zip(*ends, strict=True))
            if clip.flow is not None:
                self.flow = FlowChannels(
                    manifest, clip, self.parts, seed, self._flow_reasons.__setitem__
                )
        size = fixed_size(recipe)
        self.shape = (*size, 3) if clip is None else clip.shape(size)
        self.shapes = {"lr": self.shape}
        self._read_shape = (*self.shape[:-1], 3)
        self.repeatable = (
            recipe.deterministic
            and (clip is None or clip.deterministic)
            and not (augmentation and augmentation.has_hr)
        )
        self._packed = any(map(is_packed, self.paths))
        self._path_table = tf.constant(self.paths)
        if clip is not None:
            self._end_table = tf.constant(
                [[NO_END if end is None else end for end in part] for part in self.parts],
                tf.int64,
                [len(self.parts), 2],
            )

    def __call__(self, index, epoch):
        """Return ({"lr": images float32 [n, *shape]}, ok bool [n]) of the rows `index` [n].

        `epoch` is a number for all of them, or one each [n].
        """
        epochs = tf.broadcast_to(epoch, tf.shape(index))
        images, ok = self.images(index, epochs)
        return self.with_flow({"lr": images}, ok, index, epochs)

    def images(self, index, epochs):
        """Return what the recipe makes of the rows `index` [n], and which could be read."""
        rows, epochs = tf.cast(index, tf.int64), tf.cast(epochs, tf.int64)
        # The other steps come later, and would have the same function prepared once more.
        has_hr = self.augmentation is not None and self.augmentation.has_hr
        options = (self.recipe, self.augmentation if has_hr else None, self.fast_decode)
        paths = tf.gather(self._path_table, index)
        if self.clip is None:
            read = image_reader(*options, self._packed, self._read_shape)
            return read(paths, rows, epochs, self.seed)
        ends = tf.unstack(tf.gather(self._end_table, index), num=2, axis=1)
        sampling = dataclasses.replace(self.clip, flow=None)
        return clip_reader(*options, sampling, self._read_shape)(
            paths, *ends, rows, epochs, self.seed
        )

    def with_flow(self, images: dict[str, tf.Tensor], ok, index, epochs):
        """Return the clips [n, t, h, w, 3] of each size with the flow that is asked for, and ok."""
        if self.flow is None:
            return images, ok
        whole = {}
        for size, clips in images.items():
            whole[size], found = self.flow(clips, index, epochs)
            ok &= found
        return whole, ok

    def explain(self, row: int) -> str:
        """Say in one line why a row could not be read."""
        path = self.paths[row]
        if self.clip is None:
            return explain(path) or "could not be degraded"
        reason = self._flow_reasons.get(row) or why_no_clip(path, *self.parts[row])
        return reason or "could not be degraded"

    def fingerprint(self) -> str:
        """Name the content of a cache: a changed file, recipe or option gives another name."""
        augmentation = self.augmentation and self.augmentation.text
        settings = f"{self.recipe.text}|{self.fast_decode}|{self.seed}|{augmentation}"
        digest = hashlib.sha256(settings.encode())
        if self.clip is not None:
            digest.update(f"{self.clip.text}|{self.parts}".encode())
        if self.flow is not None:
            digest.update(self.flow.fingerprint().encode())
        state_of = functools.lru_cache(_state)  # many rows may lie in one shard
        for path in self.paths:
            digest.update(f"{path}|{state_of(file_of(path))}\n".encode())
        return digest.hexdigest()


def _state(file: Path) -> str:
    try:
        state = file.stat()
    except OSError:
        return "missing"
    return f"{state.st_size}|{state.st_mtime_ns}"


def fixed_size(recipe: Recipe) -> tuple[int, int]:
    """Return (height, width) of what a recipe makes of any image.

    Raises:
        InputError: if that depends on the image.
    """
    size = recipe.output_size(None, None)
    if None in size:
        raise InputError(
            f"the recipe {recipe.text!r} does not fix the size of the images: end it with a "
            "size, such as area(16)"
        )
    return size


def _frame_numbers(manifest: pd.DataFrame, column: str) -> list[int | None]:
    if column not in manifest:
        return [None] * len(manifest)
    return [None if pd.isna(number) else int(number) for number in manifest[column]]


def streamed(loader: Loader, bad_files: BadFiles) -> Callable:
    """Return a function that reads rows anew each time and leaves the bad ones out."""

    def record(rows):
        bad_files.record(_reasons(loader, rows))
        return np.int32(0)

    def fetch(index, epoch):
        images, ok = loader(index, epoch)
        rejected = tf.boolean_mask(index, ~ok)
        noted = tf.cond(
            tf.reduce_all(ok),
            lambda: tf.constant(0),
            lambda: tf.ensure_shape(tf.numpy_function(record, [rejected], tf.int32), []),
        )
        with tf.control_dependencies([noted]):
            good = {size: tf.boolean_mask(values, ok) for size, values in images.items()}
            return good, tf.boolean_mask(index, ok)

    return fetch


def cached(loader: Loader, folder: Path | None, bad_files: BadFiles, progress: bool):
    """Decode every row once; return a function that gathers rows, and the rows that are good.

    The images are kept in memory, or in files below `folder`, unless they are there already.
    """
    count = len(loader.paths)
    specs = {size: ((count, *shape), np.float32) for size, shape in loader.shapes.items()}
    arrays = keep_arrays(
        {**specs, "ok": ((count,), bool)},
        lambda arrays: _decode_all(loader, arrays, progress),
        folder and folder / loader.fingerprint()[:24],
    )
    ok = arrays.pop("ok")
    readers = {size: row_reader(images) for size, images in arrays.items()}

    def fetch(index, epoch):
        return {size: read(index) for size, read in readers.items()}, index

    return fetch, good_rows(loader, ok, bad_files)


def good_rows(loader: Loader, ok: np.ndarray, bad_files: BadFiles) -> np.ndarray:
    """Note the rows of a loader that could not be read and return the numbers of the others.

    Raises:
        InputError: if there are none, or more are bad than the budget allows.
    """
    bad_files.record(_reasons(loader, np.flatnonzero(~ok)))
    if not ok.any():
        raise InputError(f"none of the {len(ok)} files of the manifest can be decoded")
    return np.flatnonzero(ok)


def _reasons(loader: Loader, rows: np.ndarray) -> dict[str, str]:
    return {loader.paths[row]: loader.explain(row) for row in rows}


def _decode_all(loader: Loader, arrays: dict[str, np.ndarray], progress: bool) -> None:
    """Fill the arrays with the images of all rows, and `ok` with which of them are good."""
    count = len(loader.paths)
    row_bytes = sum(4 * math.prod(shape) for shape in loader.shapes.values())
    step = max(1, min(_MOST_ROWS, _MOST_BYTES // row_bytes))
    unit = "image" if loader.clip is None else "clip"
    with tqdm(total=count, desc="decoding", unit=unit, disable=not progress) as bar:
        # Not by a dataset, which would have to prepare the functions that the loader has ready.
        for first in range(0, count, step):
            index = tf.range(first, min(first + step, count), dtype=tf.int64)
            images, ok = loader(index, 0)
            for name, values in {**images, "ok": ok}.items():
                arrays[name][first : first + len(index)] = values
            bar.update(len(index))
