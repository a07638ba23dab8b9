"""From manifest rows to batches: read, decode, degrade, cache, shuffle, augment."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation, parse_augment
from mtl_lowres.data.degrade import parse_recipe, sample_seed
from mtl_lowres.data.loading import BadFiles, Loader, cached, streamed
from mtl_lowres.data.manifest import CONTINUOUS_TASKS, task_classes
from mtl_lowres.errors import InputError

# Keeps the random numbers of batch augmentation apart from those of per-sample degradation.
_AUGMENT_STREAM = 1_000_003


def make_dataset(
    manifest: pd.DataFrame,
    tasks: Sequence[str] = (),
    *,
    degrade: str = "area(16)",
    batch_size: int = 32,
    training: bool = False,
    seed: int = 0,
    augment: str | None = None,
    cache: str = "memory",
    cache_dir: str | Path | None = None,
    fast_decode: bool = False,
    classes: dict[str, int] | None = None,
    first_epoch: int = 0,
    bad_files: BadFiles | None = None,
    progress: bool = False,
) -> tf.data.Dataset:
    """Return batches of degraded images with the labels and weights of each task.

    The decoded low-resolution images are cached exactly when they are the same in every epoch,
    that is when the recipe is deterministic and nothing is augmented at high resolution; the
    files are then read once, here. Otherwise files are read and degraded anew in each epoch, and
    the randomness of a sample depends only on (seed, epoch, row).

    Args:
        manifest: rows with a column `path` and one column a task; an empty cell is a missing label.
        tasks: the columns to yield; none for prediction.
        degrade: degradation recipe; it must fix the size of the result.
        batch_size: images a batch; the last batch may be smaller.
        training: shuffle anew in every epoch (each iteration over the dataset is the next epoch).
        seed: of the shuffling, the augmentation and the random degradations.
        augment: augmentation such as `"flip(0.5)|shift(1)"`; only for training.
        cache: `"memory"`, `"disk"` (in `cache_dir`, memory stays flat) or `"none"`.
        cache_dir: folder of the disk cache.
        fast_decode: decode large JPEGs at a reduced scale (at least twice the target): about twice
            as fast, and within 38-47 dB of the exact result.
        classes: classes a task, needed by mixup; default: from the manifest.
        first_epoch: epoch number of the first iteration, to resume a run.
        bad_files: collects what cannot be decoded; default: a new one with a budget of 1 %.
        progress: show a progress bar while the cache is filled.

    Returns:
        A `tf.data.Dataset` of `(images, labels, weights)`: images float32 [n, h, w, 3] in [0, 1];
        labels a dict of int32 [n] (float32 [n, classes] with mixup; float32 [n] for continuous
        tasks); weights a dict of float32 [n], 0 where the label is missing.

    Raises:
        InputError: an option cannot be used, or more files are bad than the budget allows.

    Example:
        >>> train = make_dataset(manifest[manifest.split == "train"], ["posture"],
        ...                      degrade="area(16)", batch_size=128, training=True)
    """
    if cache not in ("memory", "disk", "none"):
        raise InputError(f"cache must be 'memory', 'disk' or 'none', not {cache!r}")
    if cache == "disk" and cache_dir is None:
        raise InputError("cache='disk' needs cache_dir, the folder to keep the images in")
    if augment and not training:
        raise InputError(f"augment={augment!r} is for training=True only; leave it out here")
    if len(manifest) == 0:
        raise InputError("the manifest has no rows to make a dataset of")
    missing = [task for task in tasks if task not in manifest.columns]
    if missing:
        raise InputError(f"the manifest has no column {missing[0]!r}: {list(manifest.columns)}")

    recipe = parse_recipe(degrade)
    augmentation = parse_augment(augment) if augment else None
    bad_files = bad_files if bad_files is not None else BadFiles(len(manifest))
    loader = Loader(manifest, recipe, augmentation, seed, fast_decode)
    labels = _label_table(manifest, tasks)
    if augmentation and augmentation.mixes:
        depths = {**task_classes(manifest, tasks), **(classes or {})}
        labels = _one_hot(labels, depths)

    repeatable = recipe.deterministic and not (augmentation and augmentation.has_hr)
    kept_once = repeatable and cache != "none"
    if kept_once:
        fetch, rows = cached(loader, cache, cache_dir, bad_files, progress)
    else:
        fetch, rows = streamed(loader, bad_files), np.arange(len(manifest))
    finish = _finisher(labels, augmentation, seed)

    def one_epoch(epoch):
        order = tf.constant(rows)
        if training:
            order = tf.random.experimental.stateless_shuffle(order, sample_seed(seed, epoch, 0))
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size).enumerate()
        batches = batches.map(lambda step, index: (step, index, *fetch(index, epoch)))
        batches = batches.filter(lambda step, index, images, kept: tf.size(kept) > 0)
        return batches.map(
            lambda step, index, images, kept: finish(images, kept, step, epoch),
            num_parallel_calls=2,
        )

    dataset = _numbered_epochs(one_epoch, first_epoch) if training else one_epoch(0)
    if kept_once:  # otherwise a batch of bad files alone would be missing from the count
        steps = -(-len(rows) // batch_size)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return dataset.prefetch(2)


def _numbered_epochs(one_epoch: Callable, first_epoch: int) -> tf.data.Dataset:
    """Return a dataset whose every iteration is the next epoch."""
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


def _finisher(labels: dict[str, tuple], augmentation: Augmentation | None, seed: int) -> Callable:
    """Return the function that adds labels and weights to a batch and augments it."""
    tables = {task: tuple(map(tf.constant, pair)) for task, pair in labels.items()}

    def finish(images, rows, step, epoch):
        truth = {task: tf.gather(values, rows) for task, (values, _) in tables.items()}
        weights = {task: tf.gather(known, rows) for task, (_, known) in tables.items()}
        if augmentation:
            key = sample_seed(seed + _AUGMENT_STREAM, epoch, step)
            images = augmentation.images(images, key, at="lr")
            if augmentation.mixes:
                images, truth, weights = augmentation.mix(images, truth, weights, key)
        return images, truth, weights

    return finish
