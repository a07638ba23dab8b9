"""Triplet loss on an embedding, with the cross-entropy that names the class."""

import math

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses.embedding import EmbeddingCrossEntropy
from mtl_lowres.losses.labels import to_index

# The mining takes memory that grows with the cube of the number of samples.
MINED_TOGETHER = 128


def semihard_triplet(labels: tf.Tensor, embeddings: tf.Tensor, margin: float) -> tf.Tensor:
    """Return the semi-hard triplet loss, a scalar; 0 when no triplet can be formed.

    A triplet needs two samples of one class and one of another. More than 128 samples are mined in
    equal parts (every second, every third, ... sample), of which those with triplets are averaged.

    Args:
        labels: class indices int [n].
        embeddings: float32 [n, d] of length 1.
        margin: distance by which two samples of one class should be closer.

    Source: FaceNet (Schroff et al., CVPR 2015); `triplet_semihard_loss` of TensorFlow Addons with
    its default distance, which is Euclidean, not squared.
    """
    parts = tf.maximum(1, tf.cast(tf.math.ceil(tf.size(labels) / MINED_TOGETHER), tf.int32))
    losses, mined = tf.map_fn(
        lambda part: _mined_part(labels[part::parts], embeddings[part::parts], margin),
        tf.range(parts),
        fn_output_signature=(tf.float32, tf.float32),
    )
    return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.reduce_sum(mined))


def _mined_part(labels: tf.Tensor, embeddings: tf.Tensor, margin: float) -> tuple:
    """Return the loss, and 1 if there is a triplet; 0 and 0 otherwise."""
    # It takes a second to import and is needed by this loss alone.
    from tensorflow_addons.losses import triplet_semihard_loss

    same = labels[:, None] == labels[None, :]
    positives = tf.math.count_nonzero(same) > tf.size(labels, tf.int64)
    possible = positives & ~tf.reduce_all(same)
    return tf.cond(
        possible,
        lambda: (triplet_semihard_loss(labels, embeddings, margin=margin), 1.0),
        lambda: (0.0, 0.0),
    )


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class TripletCrossEntropy(EmbeddingCrossEntropy):
    """Semi-hard triplet loss on embeddings plus cross-entropy on the class probabilities.

    `y_pred` is float32 [n, classes + d], probabilities followed by embeddings of length 1. Labels
    are class indices int [n] or distributions [n, classes], whose most likely class forms the
    triplets. Samples of weight 0 are left out before triplets are formed; other weights count in
    the cross-entropy only.

    Args:
        classes: number of classes.
        margin: distance by which two samples of one class should be closer, in (0, 2].
        label_smoothing: of the cross-entropy, in [0, 1).
        name: of the loss.

    Raises:
        InputError: if an argument is out of range.

    Source: the sum of both as in "Bag of Tricks" for re-identification (Luo et al., CVPRW 2019),
    here without centre loss and with semi-hard instead of hardest triplets.
    """

    def __init__(
        self,
        classes: int,
        margin: float = 0.3,
        label_smoothing: float = 0.0,
        name: str = "triplet_cross_entropy",
    ):
        super().__init__(classes, label_smoothing, name)
        if not (math.isfinite(margin) and 0 < margin <= 2):
            raise InputError(f"margin={margin!r} cannot be used: give a number in (0, 2]")
        self.margin = float(margin)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the scalar loss; `sample_weight` is [n] or [n, 1], all ones when None."""
        y_pred = tf.convert_to_tensor(y_pred)
        labels, embeddings = to_index(y_true), y_pred[:, self.classes :]
        if sample_weight is not None:
            known = tf.reshape(sample_weight, [-1]) > 0
            labels, embeddings = tf.boolean_mask(labels, known), tf.boolean_mask(embeddings, known)
        triplet = semihard_triplet(labels, embeddings, self.margin)
        return triplet + super().__call__(y_true, y_pred, sample_weight)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "margin": self.margin}
