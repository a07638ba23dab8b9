"""Read, decode and degrade manifest rows in the graph, streamed or from a cache."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.decode import decode_image, decode_near_size, explain, tolerant_map
from mtl_lowres.data.degrade import Recipe, sample_seed
from mtl_lowres.errors import InputError

_DECODE_BATCH = 64


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

    def record(self, paths: Sequence[str]) -> None:
        """Note undecodable files.

        Raises:
            InputError: when more than `budget` of the rows are bad.
        """
        for path in paths:
            self.reasons.setdefault(path, explain(path) or "could not be degraded")
        if len(self.reasons) > self.budget * self.total:
            path, reason = next(iter(self.reasons.items()))
            self.error = InputError(
                f"{len(self.reasons)} of {self.total} files cannot be used, over the budget of "
                f"{self.budget:.1%}; the first is {path}: {reason}. Mend or remove them "
                "(`mtl-lowres manifest --check` lists all), or raise --bad-file-budget"
            )
            raise self.error

    def to_frame(self) -> pd.DataFrame:
        """Return a table with the columns `path` and `reason`, sorted by path."""
        return pd.DataFrame(sorted(self.reasons.items()), columns=["path", "reason"])


class Loader:
    """Reads, decodes and degrades rows of a manifest in the graph."""

    def __init__(self, manifest, recipe: Recipe, augmentation, seed: int, fast_decode: bool):
        self.paths = manifest["path"].astype(str).to_numpy()
        self.recipe = recipe
        self.seed = seed
        self.augmentation: Augmentation | None = augmentation
        self.size = recipe.output_size(None, None)
        self.fast_decode = fast_decode
        if None in self.size:
            raise InputError(
                f"the recipe {recipe.text!r} does not fix the size of the images: end it with a "
                "size, such as area(16)"
            )
        self._path_table = tf.constant(self.paths)

    def __call__(self, index, epoch):
        """Return (images float32 [n, h, w, 3], ok bool [n]) of the rows `index` [n]."""
        paths = tf.gather(self._path_table, index)
        return tolerant_map(
            lambda item: self._one(item[0], item[1], epoch), (paths, index), (*self.size, 3)
        )

    def _one(self, path, row, epoch):
        contents = tf.io.read_file(path)
        if self.fast_decode and self.recipe.first_size is not None:
            image = decode_near_size(contents, self.recipe.first_size)
        else:
            image = decode_image(contents)
        seed = sample_seed(self.seed, epoch, row)
        if self.augmentation and self.augmentation.has_hr:
            image = self.augmentation.images(image[tf.newaxis], seed, at="hr")[0]
        return self.recipe(image, seed)


def streamed(loader: Loader, bad_files: BadFiles) -> Callable:
    """Return a function that reads rows anew each time and leaves the bad ones out."""

    def record(rows):
        bad_files.record(loader.paths[rows])
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
            return tf.boolean_mask(images, ok), tf.boolean_mask(index, ok)

    return fetch


def cached(loader: Loader, cache: str, cache_dir, bad_files: BadFiles, progress: bool):
    """Decode every row once; return a function that gathers rows, and the rows that are good."""
    shape = (len(loader.paths), *loader.size, 3)
    if cache == "memory":
        images = np.empty(shape, np.float32)
        ok = _decode_all(loader, images, progress)
        table = tf.constant(images)

        def fetch(index, epoch):
            return tf.gather(table, index), index
    else:
        images, ok = _disk_cache(loader, Path(cache_dir), shape, progress)

        def fetch(index, epoch):
            batch = tf.numpy_function(lambda rows: images[rows], [index], tf.float32)
            return tf.ensure_shape(batch, [None, *shape[1:]]), index

    bad_files.record(loader.paths[~ok])
    if not ok.any():
        raise InputError(f"none of the {len(ok)} files of the manifest can be decoded")
    return fetch, np.flatnonzero(ok)


def _decode_all(loader: Loader, images: np.ndarray, progress: bool) -> np.ndarray:
    """Fill `images` with all rows and return which of them are good."""
    ok = np.zeros(len(images), bool)
    batches = tf.data.Dataset.range(len(images)).batch(_DECODE_BATCH)
    batches = batches.map(lambda index: (index, *loader(index, 0))).prefetch(2)
    with tqdm(total=len(images), desc="decoding", unit="image", disable=not progress) as bar:
        for index, batch, good in batches.as_numpy_iterator():
            images[index], ok[index] = batch, good
            bar.update(len(index))
    return ok


def _disk_cache(loader: Loader, folder: Path, shape: tuple, progress: bool):
    """Return the memory-mapped images and which rows are good, decoding only what is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    key = _fingerprint(loader)
    images_file, ok_file = folder / f"{key}.npy", folder / f"{key}.ok.npy"
    if not (images_file.exists() and ok_file.exists()):
        unfinished = folder / f"{key}.{os.getpid()}.part"
        images = np.lib.format.open_memmap(unfinished, "w+", np.float32, shape)
        ok = _decode_all(loader, images, progress)
        images.flush()
        np.save(ok_file, ok)
        unfinished.rename(images_file)
    return np.load(images_file, mmap_mode="r"), np.load(ok_file)


def _fingerprint(loader: Loader) -> str:
    """Name the content of a cache: a changed file, recipe or option gives another name."""
    digest = hashlib.sha256(f"{loader.recipe.text}|{loader.fast_decode}".encode())
    for path in loader.paths:
        try:
            state = Path(path).stat()
            digest.update(f"{path}|{state.st_size}|{state.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path}|missing\n".encode())
    return digest.hexdigest()[:24]
