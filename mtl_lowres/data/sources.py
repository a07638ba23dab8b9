"""A manifest whose rows are read by number: images or clips with their labels and weights."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.data.epochs import Batch
from mtl_lowres.data.loading import BadFiles, Loader
from mtl_lowres.data.manifest import CONTINUOUS_TASKS
from mtl_lowres.data.rows import DECODE_BATCH, cached, without_bad
from mtl_lowres.data.service import ServedRows
from mtl_lowres.data.two_sizes import TwoSizeLoader
from mtl_lowres.data.units import UnitLoader, UnitSequence
from mtl_lowres.errors import InputError


@dataclasses.dataclass(frozen=True)
class Source:
    """The rows of one manifest; build it with `open_source`.

    Attributes:
        rows: numbers of the rows that can be read; when streamed, of all.
        kept: whether the rows lie in a cache.
        shape: of one image or clip, at low resolution.
        fetch: (rows [n], epoch) -> (images by resolution, the rows [k] that could be read).
        labels: task -> (labels, weights), both over all rows.
        served: what reads the rows where a data service does, anew in every epoch; otherwise None.
        keep: what `served` gives -> (images by resolution, the rows [k] that could be read).
    """

    rows: np.ndarray
    kept: bool
    shape: tuple[int, ...]
    fetch: Callable
    labels: dict[str, tuple[tf.Tensor, tf.Tensor]]
    served: ServedRows | None = None
    keep: Callable | None = None

    def batch(self, index: tf.Tensor, epoch: tf.Tensor) -> Batch:
        """Return (images, labels, weights) of those rows `index` [n] that can be read."""
        return self._labelled(*self.fetch(index, epoch))

    def served_epochs(self, batch_size: int, training: bool, seed: int) -> Callable | None:
        """Return a function from an epoch to its batches, if a data service reads the rows."""
        if self.served is None:
            return None
        epochs = self.served.epochs(batch_size, training=training, seed=seed)
        return lambda epoch: epochs(epoch).map(lambda *read: self._labelled(*self.keep(*read)))

    def _labelled(self, images: dict[str, tf.Tensor], rows: tf.Tensor) -> Batch:
        images = images if "hr" in images else images["lr"]
        labels = {task: tf.gather(values, rows) for task, (values, _) in self.labels.items()}
        weights = {task: tf.gather(known, rows) for task, (_, known) in self.labels.items()}
        return images, labels, weights


def open_source(
    manifest: pd.DataFrame,
    tasks: Sequence[str],
    *,
    degrade: str,
    hr: str | None = None,
    clip: str | None,
    augmentation: Augmentation | None,
    depths: dict[str, int] | None,
    seed: int,
    cache: str,
    cache_dir: str | Path | None,
    fast_decode: bool,
    bad_files: BadFiles,
    progress: bool,
    service: str | None = None,
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
    if service:  # its workers may run in another folder
        paths = [str(Path(path).absolute()) for path in manifest["path"]]
        manifest = manifest.assign(path=paths)
    loader = open_loader(
        manifest,
        tasks,
        degrade=degrade,
        hr=hr,
        clip=clip,
        augmentation=augmentation,
        seed=seed,
        fast_decode=fast_decode,
    )
    served = ServedRows(loader, service) if service else None
    labels = label_tables(manifest, tasks, depths)
    if loader.repeatable and cache != "none":
        folder = Path(cache_dir) if cache == "disk" else None
        batches = served and served.epochs(DECODE_BATCH)(0)
        fetch, rows = cached(loader, folder, bad_files, progress, batches)
        return Source(rows, True, loader.shape, fetch, labels)
    keep = without_bad(loader, bad_files)

    def fetch(index, epoch):
        return keep(index, *loader(index, epoch))

    return Source(np.arange(len(manifest)), False, loader.shape, fetch, labels, served, keep)


def open_loader(
    manifest: pd.DataFrame,
    tasks: Sequence[str],
    *,
    degrade: str,
    hr: str | None,
    clip: str | None,
    augmentation: Augmentation | None,
    seed: int,
    fast_decode: bool,
) -> Loader:
    """Return what reads the rows of a manifest; options are those of `make_dataset`.

    Raises:
        InputError: an option cannot be used.
    """
    sampling = parse_clip(clip) if clip else None
    if isinstance(sampling, UnitSequence):
        check_units(sampling, degrade, hr, augmentation)
        return UnitLoader(manifest, sampling, seed)
    recipe = parse_recipe(degrade)
    check_blend(augmentation, tasks, guided=hr is not None)
    options = (augmentation, seed, fast_decode, sampling)
    if hr is None:
        loader = Loader(manifest, recipe, *options)
    else:
        loader = TwoSizeLoader(manifest, parse_recipe(hr), recipe, *options)
    if augmentation and augmentation.square_only and loader.shape[-3] != loader.shape[-2]:
        raise InputError(
            f"augment={augmentation.text!r} takes square images, and degrade={recipe.text!r} gives "
            f"{loader.shape[-3]} x {loader.shape[-2]}: change one of the two"
        )
    return loader


def check_units(
    units: UnitSequence, degrade: str, hr: str | None, augmentation: Augmentation | None
) -> None:
    """Check that nothing is asked of stored features that only images allow.

    Raises:
        InputError: if a recipe or an augmentation is given.
    """
    asked = {"degrade": degrade, "hr": hr, "augment": augmentation and augmentation.text}
    for name, text in asked.items():
        if text:
            raise InputError(
                f"clip={units.text!r} reads stored features, which {name}={text!r} cannot change: "
                f"give {name}='' (they were degraded when they were made)"
            )


def check_blend(augmentation: Augmentation | None, tasks: Sequence[str], guided: bool) -> None:
    """Check that images are not blended where their labels are those of one row.

    Args:
        augmentation: may blend.
        tasks: those with labels from the manifest.
        guided: whether a teacher is asked about the images.

    Raises:
        InputError: if it blends and there is a task, or no teacher.
    """
    if augmentation is None or augmentation.blend is None or (guided and not tasks):
        return
    reason = f"the labels of {', '.join(tasks)} are of one row" if tasks else "no teacher is asked"
    raise InputError(
        f"augment={augmentation.text!r} blends the images of two rows, but {reason}: leave blend "
        "out, or learn from a teacher's embedding alone"
    )


def label_tables(
    manifest: pd.DataFrame, tasks: Sequence[str], depths: dict[str, int] | None
) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
    """Return task -> (labels, weights), both over all rows; a missing label is 0 with weight 0.

    Args:
        depths: classes a task, to turn labels into distributions, which can be averaged.
    """
    tables = {}
    for task in tasks:
        values = pd.to_numeric(manifest[task])
        known = values.notna().to_numpy(np.float32)
        if task in CONTINUOUS_TASKS:
            labels = values.fillna(0).to_numpy(np.float32)
        else:
            labels = values.fillna(0).to_numpy(np.int32)
            if depths is not None:
                labels = np.eye(depths[task], dtype=np.float32)[labels]
        tables[task] = tf.constant(labels), tf.constant(known)
    return tables
