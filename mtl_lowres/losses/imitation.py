"""Losses that make an embedding imitate a teacher's.

All of them take `y_true` as the teacher's embeddings float32 [n, d] and `y_pred` as the student's.
"""

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses.base import LabelledMeanLoss

# Square of the least distance whose root is differentiated: the root's slope at 0 is infinite.
_SMALLEST_SQUARE = 1e-12


def cosines(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Return the cosine between the vectors of each row, [n] from two [n, d]; 0 for a zero one."""
    first, second = tf.math.l2_normalize(first, axis=-1), tf.math.l2_normalize(second, axis=-1)
    return tf.reduce_sum(first * second, axis=-1)


def relative_distances(vectors: tf.Tensor) -> tf.Tensor:
    """Return the Euclidean distances among vectors over their mean, [n, n] from [n, d].

    The mean is over all pairs of two vectors; the diagonal is 0.
    """
    squares = tf.reduce_sum(tf.square(vectors), axis=-1)
    products = tf.matmul(vectors, vectors, transpose_b=True)
    squared = squares[:, None] + squares[None, :] - 2.0 * products
    distances = tf.sqrt(tf.maximum(squared, _SMALLEST_SQUARE))
    distances = tf.linalg.set_diag(distances, tf.zeros_like(squares))
    return tf.math.divide_no_nan(distances, _mean_over_pairs(distances))


def relational_distance(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Return the mean Huber loss between the relative distances of both, a scalar.

    Args:
        teacher: float32 [n, d].
        student: float32 [n, e]; its width may be another one.

    Source: "Relational knowledge distillation" (Park et al., CVPR 2019), equations 5 and 6, RKD-D;
    the mean over the pairs instead of their sum.
    """
    difference = tf.abs(relative_distances(teacher) - relative_distances(student))
    huber = tf.where(difference <= 1.0, 0.5 * tf.square(difference), difference - 0.5)
    return _mean_over_pairs(huber)


def _mean_over_pairs(values: tf.Tensor) -> tf.Tensor:
    """Return the mean of [n, n] outside the diagonal, which is 0; 0 where there is no pair."""
    count = tf.cast(tf.shape(values)[0], values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values), count * (count - 1.0))


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class FeatureL2(LabelledMeanLoss):
    """Mean over the numbers of an embedding of their squared difference from the teacher's.

    Raises:
        InputError: if teacher and student differ in width.

    Source: the low-resolution guidance of SphereNet (Garyandtang/Low-Resolution-Face-Recognition-
    with-SphereFace), where it acts on the 512 raw features.
    """

    def __init__(self, name: str = "feature_l2"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        """Return the loss of each sample, float32 [n]."""
        return tf.reduce_mean(tf.square(_checked(y_true, y_pred) - y_pred), axis=-1)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class FeatureCosine(LabelledMeanLoss):
    """One minus the cosine between an embedding and the teacher's, in [0, 2]; lengths are free.

    Raises:
        InputError: if teacher and student differ in width.
    """

    def __init__(self, name: str = "feature_cosine"):
        super().__init__(name=name)

    def call(self, y_true, y_pred):
        """Return the loss of each sample, float32 [n]."""
        return 1.0 - cosines(_checked(y_true, y_pred), y_pred)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class Relational(LabelledMeanLoss):
    """Difference between how samples lie to each other for the student and for the teacher.

    It compares the distances within the batch (see `relational_distance`), so the student's
    embedding may have any width and differ from the teacher's by a rotation, an offset and a
    factor. Pairs are formed of the samples of positive weight, which then count alike; the loss is
    0 for fewer than two.
    """

    def __init__(self, name: str = "relational"):
        super().__init__(name=name)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the scalar loss; `sample_weight` is [n] or [n, 1], all ones when None."""
        y_pred = tf.convert_to_tensor(y_pred)
        y_true = tf.cast(y_true, y_pred.dtype)
        if sample_weight is not None:
            known = tf.reshape(sample_weight, [-1]) > 0
            y_true, y_pred = tf.boolean_mask(y_true, known), tf.boolean_mask(y_pred, known)
        return relational_distance(y_true, y_pred)


def _checked(y_true, y_pred) -> tf.Tensor:
    """Return the teacher's embeddings, which must be as wide as the student's."""
    y_true = tf.cast(y_true, y_pred.dtype)
    theirs, ours = y_true.shape[-1], y_pred.shape[-1]
    if None not in (theirs, ours) and theirs != ours:
        raise InputError(
            f"the teacher's embedding has {theirs} numbers and the student's {ours}: give the "
            f"student's head width={theirs}, or use loss='relational'"
        )
    return y_true
