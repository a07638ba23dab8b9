"""Center loss: embeddings of one class gather around one point."""

import math

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses.embedding import EmbeddingCrossEntropy
from mtl_lowres.losses.labels import to_index


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class CenterCrossEntropy(EmbeddingCrossEntropy):
    """Cross-entropy plus half the squared distance to the centre of the own class.

    `y_pred` is float32 [n, classes + classes + d]: probabilities, squared distances to the centres,
    and the embedding. Labels are class indices int [n] or distributions [n, classes], whose most
    likely class has the centre that counts.

    Args:
        classes: number of classes.
        center_weight: lambda, the factor of the distance, positive.
        label_smoothing: of the cross-entropy, in [0, 1).
        name: of the loss.

    Raises:
        InputError: if an argument is out of range.

    Source: Wen et al., ECCV 2016, equation 5, with lambda 0.003 as in its experiments. There the
    centres follow the mean of their class by a rate of their own (alpha); here they are weights
    like all others, pulled by the gradient of this loss.
    """

    def __init__(
        self,
        classes: int,
        center_weight: float = 0.003,
        label_smoothing: float = 0.0,
        name: str = "center_cross_entropy",
    ):
        super().__init__(classes, label_smoothing, name)
        if not (math.isfinite(center_weight) and center_weight > 0):
            raise InputError(
                f"center_weight={center_weight!r} cannot be used: give a positive number"
            )
        self.center_weight = float(center_weight)

    def call(self, y_true, y_pred):
        """Return the loss of each sample, float32 [n]."""
        squared = y_pred[:, self.classes : 2 * self.classes]
        own = tf.gather(squared, to_index(y_true), batch_dims=1)
        return super().call(y_true, y_pred) + 0.5 * self.center_weight * own

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "center_weight": self.center_weight}
