"""A manifest whose rows are read by number: images or clips with their labels and weights."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe, sample_seed
from mtl_lowres.data.loading import BadFiles, Loader, cached, streamed
from mtl_lowres.data.manifest import CONTINUOUS_TASKS
from mtl_lowres.errors import InputError

# Keeps the random numbers of batch augmentation apart from those of per-sample degradation.
_AUGMENT_STREAM = 1_000_003

Batch = tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Source:
    """The rows of one manifest; build it with `open_source`.

    Attributes:
        rows: numbers of the rows that can be read; when streamed, of all.
        kept: whether the rows lie in a cache.
        shape: of one image or clip.
        fetch: (rows [n], epoch) -> (images [k, *shape], the rows [k] that could be read).
        labels: task -> (labels, weights), both over all rows.
    """

    rows: np.ndarray
    kept: bool
    shape: tuple[int, ...]
    fetch: Callable
    labels: dict[str, tuple[tf.Tensor, tf.Tensor]]

    def batch(self, index: tf.Tensor, epoch: tf.Tensor) -> Batch:
        """Return (images, labels, weights) of those rows `index` [n] that can be read."""
        images, rows = self.fetch(index, epoch)
        labels = {task: tf.gather(values, rows) for task, (values, _) in self.labels.items()}
        weights = {task: tf.gather(known, rows) for task, (_, known) in self.labels.items()}
        return images, labels, weights


def open_source(
    manifest: pd.DataFrame,
    tasks: Sequence[str],
    *,
    degrade: str,
    clip: str | None,
    augmentation: Augmentation | None,
    depths: dict[str, int] | None,
    seed: int,
    cache: str,
    cache_dir: str | Path | None,
    fast_decode: bool,
    bad_files: BadFiles,
    progress: bool,
) -> Source:
    """Decode what is to be cached and return the source; options are those of `make_dataset`.

    Args:
        depths: classes a task, to turn labels into distributions; None leaves class numbers.

    Raises:
        InputError: an option cannot be used, or more files are bad than the budget allows.
    """
    if cache not in ("memory", "disk", "none"):
        raise InputError(f"cache must be 'memory', 'disk' or 'none', not {cache!r}")
    if cache == "disk" and cache_dir is None:
        raise InputError("cache='disk' needs cache_dir, the folder to keep the images in")
    if len(manifest) == 0:
        raise InputError("the manifest has no rows to make a dataset of")
    recipe = parse_recipe(degrade)
    sampling = parse_clip(clip) if clip else None
    loader = Loader(manifest, recipe, augmentation, seed, fast_decode, sampling)
    if augmentation and augmentation.square_only and loader.shape[-3] != loader.shape[-2]:
        raise InputError(
            f"augment={augmentation.text!r} takes square images, and degrade={recipe.text!r} gives "
            f"{loader.shape[-3]} x {loader.shape[-2]}: change one of the two"
        )
    labels = _label_table(manifest, tasks)
    if depths is not None:
        labels = _one_hot(labels, depths)
    kept = loader.repeatable and cache != "none"
    if kept:
        fetch, rows = cached(loader, cache, cache_dir, bad_files, progress)
    else:
        fetch, rows = streamed(loader, bad_files), np.arange(len(manifest))
    tables = {task: tuple(map(tf.constant, pair)) for task, pair in labels.items()}
    return Source(rows, kept, loader.shape, fetch, tables)


def finish(
    batches: tf.data.Dataset, augmentation: Augmentation | None, seed: int, epoch: tf.Tensor
) -> tf.data.Dataset:
    """Leave out batches of bad files alone, and augment the others."""
    batches = batches.enumerate()
    batches = batches.filter(lambda step, batch: tf.shape(batch[0])[0] > 0)

    def augment(step, batch):
        if augmentation is None:
            return batch
        images, labels, weights = batch
        key = sample_seed(seed + _AUGMENT_STREAM, epoch, step)
        images = augmentation.images(images, key, at="lr")
        if augmentation.mixes:
            return augmentation.mix(images, labels, weights, key)
        return images, labels, weights

    return batches.map(augment, num_parallel_calls=2)


def numbered_epochs(one_epoch: Callable, first_epoch: int) -> tf.data.Dataset:
    """Return a dataset whose every iteration is the next epoch, `one_epoch(number)`."""
    counter = tf.Variable(first_epoch - 1, dtype=tf.int64, trainable=False, name="epoch")
    start = tf.data.Dataset.from_tensors(0).map(lambda _: counter.assign_add(1))
    return start.flat_map(one_epoch)


def _label_table(manifest: pd.DataFrame, tasks: Sequence[str]) -> dict[str, tuple]:
    """Return task -> (values [rows], weights [rows]); a missing label is 0 with weight 0."""
    table = {}
    for task in tasks:
        values = pd.to_numeric(manifest[task])
        dtype = np.float32 if task in CONTINUOUS_TASKS else np.int32
        table[task] = (
            values.fillna(0).to_numpy(dtype),
            values.notna().to_numpy(np.float32),
        )
    return table


def _one_hot(labels: dict[str, tuple], depths: dict[str, int]) -> dict[str, tuple]:
    """Turn class labels into distributions, which mixup can average."""
    return {
        task: (values, weights)
        if task in CONTINUOUS_TASKS
        else (np.eye(depths[task], dtype=np.float32)[values], weights)
        for task, (values, weights) in labels.items()
    }
