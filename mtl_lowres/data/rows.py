"""The rows of a loader: in which order, from a cache, and without those that cannot be read."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mtl_lowres.data.degrade import sample_seed
from mtl_lowres.data.kept_arrays import keep_arrays, row_reader
from mtl_lowres.data.loading import BadFiles, Loader
from mtl_lowres.errors import InputError

# Rows of a call that are not only read.
DECODE_BATCH = 64
# Rows that are read into a cache by one call, which takes milliseconds by itself; fewer if large.
_MOST_ROWS, _MOST_BYTES = 512, 2**26


def epoch_order(rows: np.ndarray, training: bool, seed: int, epoch) -> tf.Tensor:
    """Return the rows [n] in the order of an epoch: shuffled, in training."""
    order = tf.constant(rows)
    if training:
        order = tf.random.experimental.stateless_shuffle(order, sample_seed(seed, epoch, 0))
    return order


def without_bad(loader: Loader, bad_files: BadFiles) -> Callable:
    """Return a function that leaves out what could not be read, and notes it.

    Returns:
        (rows [n], images by resolution, ok bool [n]) -> (images, the rows [k]) of those that are
        ok.
    """

    def record(rows):
        bad_files.record(_reasons(loader, rows))
        return np.int32(0)

    def keep(index, images, ok):
        rejected = tf.boolean_mask(index, ~ok)
        noted = tf.cond(
            tf.reduce_all(ok),
            lambda: tf.constant(0),
            lambda: tf.ensure_shape(tf.numpy_function(record, [rejected], tf.int32), []),
        )
        with tf.control_dependencies([noted]):
            good = {size: tf.boolean_mask(values, ok) for size, values in images.items()}
            return good, tf.boolean_mask(index, ok)

    return keep


def cached(
    loader: Loader,
    folder: Path | None,
    bad_files: BadFiles,
    progress: bool,
    batches: Iterable | None = None,
):
    """Decode every row once; return a function that gathers rows, and the rows that are good.

    The images are kept in memory, or in files below `folder`, unless they are there already.

    Args:
        loader: of the rows.
        folder, bad_files: what is kept where.
        progress: show a progress bar.
        batches: (rows [n], images, ok [n]) that somebody else reads; default: the loader, here.
    """
    count = len(loader.paths)
    specs = {size: ((count, *shape), np.float32) for size, shape in loader.shapes.items()}
    arrays = keep_arrays(
        {**specs, "ok": ((count,), bool)},
        lambda arrays: _decode_all(loader, arrays, progress, batches or _read_all(loader)),
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


def _read_all(loader: Loader) -> Iterator[tuple]:
    """Yield (rows, images, ok) of all rows.

    Not by a dataset, which would have to prepare the functions that the loader has ready.
    """
    count = len(loader.paths)
    row_bytes = sum(4 * math.prod(shape) for shape in loader.shapes.values())
    step = max(1, min(_MOST_ROWS, _MOST_BYTES // row_bytes))
    for first in range(0, count, step):
        index = tf.range(first, min(first + step, count), dtype=tf.int64)
        yield index, *loader(index, 0)


def _decode_all(
    loader: Loader, arrays: dict[str, np.ndarray], progress: bool, batches: Iterable
) -> None:
    """Fill the arrays with the images of all rows, and `ok` with which of them are good."""
    unit = "image" if loader.clip is None else "clip"
    total = len(loader.paths)
    with tqdm(total=total, desc="decoding", unit=unit, disable=not progress) as bar:
        for index, images, ok in batches:
            for name, values in {**images, "ok": ok}.items():
                arrays[name][np.asarray(index)] = values
            bar.update(len(index))
