"""Epochs of batches: their order, their augmentation at low resolution, and their number."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.degrade import sample_seed
from mtl_lowres.data.rows import epoch_order

# Keeps the random numbers of batch augmentation apart from those of per-sample degradation.
_AUGMENT_STREAM = 1_000_003

Batch = tuple[tf.Tensor | dict[str, tf.Tensor], dict[str, tf.Tensor], dict[str, tf.Tensor]]


def epochs_of(
    rows: np.ndarray,
    batch_of: Callable,
    augmentation: Augmentation | None,
    *,
    batch_size: int,
    training: bool,
    seed: int,
    first_epoch: int,
    all_good: bool = True,
    served: Callable | None = None,
) -> tf.data.Dataset:
    """Return the batches of an epoch; with `training` each iteration is the next, shuffled, one.

    Args:
        rows: numbers of the rows.
        batch_of: (rows [n], epoch) -> (images, labels, weights).
        augmentation: of the low-resolution batches.
        batch_size, training, seed, first_epoch: as in `make_dataset`.
        all_good: whether all rows can be read. If not, the number of batches is known in training
            alone.
        served: epoch -> its batches, where somebody else reads them; in place of `batch_of`.
    """
    rows = tf.constant(rows)  # made inside, it would be copied into the graph

    def one_epoch(epoch):
        if served is not None:
            return finish(served(epoch), augmentation, seed, epoch, training)
        order = epoch_order(rows, training, seed, epoch)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        batches = batches.map(lambda index: batch_of(index, epoch))
        return finish(batches, augmentation, seed, epoch, training)

    dataset = numbered_epochs(one_epoch, first_epoch) if training else one_epoch(0)
    if all_good or training:
        steps = -(-len(rows) // batch_size)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return dataset


def finish(
    batches: tf.data.Dataset,
    augmentation: Augmentation | None,
    seed: int,
    epoch: tf.Tensor,
    training: bool,
) -> tf.data.Dataset:
    """Augment the batches; one of bad files alone is left out, or in training a blank of weight 0.

    The number of batches of an epoch is then known, and all epochs of training can go through one
    iterator, which takes a second or two to make.
    """
    batches = batches.enumerate()
    if not training:
        batches = batches.filter(lambda step, batch: _rows_of(batch) > 0)

    def augment(step, batch):
        if training:
            batch = _never_empty(batch)
        if augmentation is None:
            return batch
        images, labels, weights = batch
        key = sample_seed(seed + _AUGMENT_STREAM, epoch, step)
        if isinstance(images, dict):
            images = {**images, "lr": augmentation.images(images["lr"], key, at="lr")}
        else:
            images = augmentation.images(images, key, at="lr")
        if augmentation.mixes:
            return augmentation.mix(images, labels, weights, key)
        return images, labels, weights

    return batches.map(augment, num_parallel_calls=2)


def _rows_of(batch: Batch) -> tf.Tensor:
    return tf.shape(tf.nest.flatten(batch[0])[0])[0]


def _never_empty(batch: Batch) -> Batch:
    """Return the batch, or for an empty one a row of zeros, which are its weights too."""
    missing = tf.cast(_rows_of(batch) == 0, tf.int32)

    def fill(values):
        return tf.pad(values, [[0, missing], *[[0, 0]] * (values.shape.rank - 1)])

    return tf.cond(missing > 0, lambda: tf.nest.map_structure(fill, batch), lambda: batch)


def numbered_epochs(one_epoch: Callable, first_epoch: int) -> tf.data.Dataset:
    """Return a dataset whose every iteration is the next epoch, `one_epoch(number)`."""
    counter = tf.Variable(first_epoch - 1, dtype=tf.int64, trainable=False, name="epoch")
    start = tf.data.Dataset.from_tensors(0).map(lambda _: counter.assign_add(1))
    return start.flat_map(one_epoch)
