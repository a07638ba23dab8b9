"""From manifest rows to batches: read, decode, degrade, cache, shuffle, augment."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import parse_augment
from mtl_lowres.data.epochs import epochs_of
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import task_classes
from mtl_lowres.data.sources import open_source
from mtl_lowres.errors import InputError


def make_dataset(
    manifest: pd.DataFrame,
    tasks: Sequence[str] = (),
    *,
    degrade: str = "area(16)",
    hr: str | None = None,
    clip: str | None = None,
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
    service: str | None = None,
) -> tf.data.Dataset:
    """Return batches of degraded images, or clips, with the labels and weights of each task.

    The decoded low-resolution images are cached exactly when they are the same in every epoch,
    that is when the recipe and the sampling of a clip are deterministic and nothing is augmented
    at high resolution; the files are then read once, here. Otherwise files are read and degraded
    anew in each epoch, and the randomness of a sample depends only on (seed, epoch, row).

    Random degradations and augmentations draw once for all frames of a clip.

    Args:
        manifest: rows with a column `path` and one column a task; an empty cell is a missing label.
        tasks: the columns to yield; none for prediction.
        degrade: degradation recipe; it must fix the size of the result.
        hr: recipe of a high resolution to yield beside the low one; `degrade` is then applied to
            what it makes of the (augmented) file. Augmentation `at="lr"` leaves it alone.
        clip: which frames of a video or array file to take, such as `"uniform(15)"`; see
            `parse_clip` for the rules. An image is a clip of one frame, repeated. A row may name
            a part of its file in the columns `start` and `stop` (frames, half-open; empty: all).
            Default: the files are images.
        batch_size: images a batch; the last batch may be smaller.
        training: shuffle anew in every epoch (each iteration over the dataset is the next epoch).
        seed: of the shuffling, the augmentation and the random degradations.
        augment: augmentation such as `"flip(0.5)|shift(1)"`; only for training.
        cache: `"memory"`, `"disk"` (in `cache_dir`, memory stays flat) or `"none"`.
        cache_dir: folder of the disk cache.
        fast_decode: decode large JPEGs at a reduced scale (at least twice the target): about twice
            as fast, and some 43 dB from the exact result, in single images down to 35 dB.
        classes: classes a task, needed by mixup; default: from the manifest.
        first_epoch: epoch number of the first iteration, to resume a run.
        bad_files: collects what cannot be decoded; default: a new one with a budget of 1 %.
        progress: show a progress bar while the cache is filled.
        service: `"host:port"` of a data service (`mtl-lowres data-service`), whose workers read,
            decode and degrade the images in place of this process; the batches are the same to the
            bit. For images, not for clips.

    Returns:
        A `tf.data.Dataset` of `(images, labels, weights)`: images float32 [n, h, w, 3] in [0, 1],
        or clips [n, t, h, w, 3], and with `hr` a dict `{"hr": ..., "lr": ...}` of them; labels a
        dict of int32 [n] (float32 [n, classes] with mixup; float32 [n] for continuous tasks);
        weights a dict of float32 [n], 0 where the label is missing. A batch of bad files alone is
        left out, or in training one row of zeros, its weights too, so that the number of batches
        is known.

    Raises:
        InputError: an option cannot be used, or more files are bad than the budget allows.

    Example:
        >>> train = make_dataset(manifest[manifest.split == "train"], ["posture"],
        ...                      degrade="area(16)", batch_size=128, training=True)
        >>> clips = make_dataset(manifest, ["action"], degrade="area(16)", clip="uniform(15)")
    """
    if augment and not training:
        raise InputError(f"augment={augment!r} is for training=True only; leave it out here")
    missing = [task for task in tasks if task not in manifest.columns]
    if missing:
        raise InputError(f"the manifest has no column {missing[0]!r}: {list(manifest.columns)}")

    augmentation = parse_augment(augment) if augment else None
    depths = None
    if augmentation and augmentation.mixes:
        depths = {**task_classes(manifest, tasks), **(classes or {})}
    source = open_source(
        manifest,
        tasks,
        degrade=degrade,
        hr=hr,
        clip=clip,
        augmentation=augmentation,
        depths=depths,
        seed=seed,
        cache=cache,
        cache_dir=cache_dir,
        fast_decode=fast_decode,
        bad_files=bad_files if bad_files is not None else BadFiles(len(manifest)),
        progress=progress,
        service=service,
    )
    dataset = epochs_of(
        source.rows,
        source.batch,
        augmentation,
        batch_size=batch_size,
        training=training,
        seed=seed,
        first_epoch=first_epoch,
        all_good=source.kept,
        served=source.served_epochs(batch_size, training, seed),
    )
    return dataset.prefetch(2)
