"""The two forms of a class label: an index, or a distribution over the classes."""

import tensorflow as tf


def to_distribution(labels: tf.Tensor, classes: int) -> tf.Tensor:
    """Return labels as distributions over the classes.

    Args:
        labels: class indices [n] or [n, 1] in [0, classes) of any numeric dtype, or distributions
            [n, classes].
        classes: number of classes, at least 2.

    Returns:
        float32 [n, classes]; one-hot for class indices.

    Raises:
        tf.errors.InvalidArgumentError: if an index is outside [0, classes) or the rows of a
            distribution have another length.
    """
    labels = tf.convert_to_tensor(labels)
    if not _holds_indices(labels):
        return tf.ensure_shape(tf.cast(labels, tf.float32), [None, classes])
    indices = tf.cast(tf.reshape(labels, [-1]), tf.int64)
    # one_hot turns an index out of range into zeros, which would look like a perfect sample.
    tf.debugging.Assert(
        tf.reduce_all((indices >= 0) & (indices < classes)),
        [
            f"class labels must be in [0, {classes}), and a missing label is 0 with sample weight "
            "0; got labels between",
            tf.reduce_min(indices),
            tf.reduce_max(indices),
        ],
    )
    return tf.one_hot(indices, classes, dtype=tf.float32)


def to_index(labels: tf.Tensor) -> tf.Tensor:
    """Return labels as class indices int64 [n]; a distribution gives its most likely class.

    Args:
        labels: class indices [n] or [n, 1], or distributions [n, classes].
    """
    labels = tf.convert_to_tensor(labels)
    if _holds_indices(labels):
        return tf.cast(tf.reshape(labels, [-1]), tf.int64)
    return tf.argmax(labels, axis=-1)


def _holds_indices(labels: tf.Tensor) -> bool:
    # Keras adds a trailing axis of 1 to class indices before it calls a loss or a metric.
    return labels.shape.rank == 1 or labels.shape[-1] == 1
