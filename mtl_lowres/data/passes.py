"""One iterator for all the passes over a dataset.

A new iterator prepares the functions of the whole pipeline again, which for a data set of a few
thousand tiny images costs more than the pass.
"""

from collections.abc import Iterator

import tensorflow as tf


class Passes:
    """The batches of a dataset, gone through once for every `iter`.

    Where the number of batches is unknown, every pass has an iterator of its own.
    """

    def __init__(self, dataset: tf.data.Dataset):
        self._dataset = dataset
        self._count = int(dataset.cardinality())
        self._iterator = None

    def __iter__(self) -> Iterator:
        if self._count < 1:
            yield from self._dataset
            return
        if self._iterator is None:
            self._iterator = iter(self._dataset.repeat())
        for _ in range(self._count):
            yield next(self._iterator)


def through_one_iterator(x, options: dict) -> tuple:
    """Return a dataset and options of Keras's `fit` that give the same epochs by one iterator.

    Other data, and a dataset of unknown length, are returned as they are.

    Args:
        x: what `fit` trains on.
        options: keyword arguments of `fit`.
    """
    epochs = options.get("epochs", 1) - options.get("initial_epoch", 0)
    if not isinstance(x, tf.data.Dataset) or epochs < 2 or options.get("steps_per_epoch"):
        return x, options
    steps = int(x.cardinality())
    if steps < 1:  # unknown, or endless
        return x, options
    return x.repeat(epochs), {**options, "steps_per_epoch": steps}
