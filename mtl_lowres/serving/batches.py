"""Batches in an exported graph: empty ones, and items that could not be read."""

from collections.abc import Callable

import tensorflow as tf


def for_any_batch(function: Callable, inputs: tf.Tensor):
    """Return what `function` answers for a batch, which may be empty.

    Args:
        function: from a tensor [n, ...], n at least 1, to tensors [n, ...].
        inputs: float32 [n, ...], n at least 0, all but n known.

    Returns:
        The tensors of `function`, [n, ...].
    """
    count = tf.shape(inputs)[0]
    # oneDNN's convolutions fail on an empty batch: it becomes one blank sample for them.
    blank = tf.zeros([1, *inputs.shape[1:]])
    outputs = function(tf.cond(count > 0, lambda: inputs, lambda: blank))
    return tf.nest.map_structure(lambda output: output[:count], outputs)


def blank_where_bad(value: tf.Tensor, ok: tf.Tensor) -> tf.Tensor:
    """Return `value` [n, ...] with zeros or empty strings for the items that are not `ok` [n]."""
    mask = tf.reshape(ok, [-1] + [1] * (value.shape.rank - 1))
    blank = tf.constant("" if value.dtype == tf.string else 0, value.dtype)
    return tf.where(mask, value, blank)
