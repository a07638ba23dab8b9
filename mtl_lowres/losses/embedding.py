"""Cross-entropy of heads that answer an embedding beside the probabilities."""

import tensorflow as tf

from mtl_lowres.losses.base import LabelledMeanLoss
from mtl_lowres.losses.classification import NLL


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class EmbeddingCrossEntropy(LabelledMeanLoss):
    """Cross-entropy on the probabilities that an output begins with; the rest is free.

    `y_pred` is float32 [n, classes + ... + d]. Labels are class indices int [n] or distributions
    [n, classes].

    Args:
        classes: number of classes.
        label_smoothing: share of each label spread evenly over all classes, in [0, 1).
        name: of the loss.

    Raises:
        InputError: if `label_smoothing` is out of range.
    """

    def __init__(
        self,
        classes: int,
        label_smoothing: float = 0.0,
        name: str = "embedding_cross_entropy",
    ):
        super().__init__(name=name)
        self.classes = classes
        self._cross_entropy = NLL(label_smoothing)

    def call(self, y_true, y_pred):
        """Return the cross-entropy of each sample, float32 [n]."""
        return self._cross_entropy.call(y_true, y_pred[:, : self.classes])

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "label_smoothing": self._cross_entropy.label_smoothing,
        }
