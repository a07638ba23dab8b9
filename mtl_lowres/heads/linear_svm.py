"""One linear support vector machine a class against the rest."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.heads.classification import ClassificationHead
from mtl_lowres.losses import SquaredHinge
from mtl_lowres.registry import HEADS

# Its logarithm is finite in float32.
_LEAST_PROBABILITY = 1e-30


@HEADS.register("linear_svm")
class LinearSVM(ClassificationHead):
    """A plane a class; the class is that of the highest score.

    The output is the scores, float32 [n, classes]: how far on a class's side of its plane a sample
    lies, above 0 where the class is likelier than the rest. They are no probabilities; what reads
    like one (`probabilities`, a person's `confidence`) is their softmax and means little before
    `mtl-lowres calibrate`. `mtl_lowres.evaluation.linear_svm` fits the planes with scikit-learn,
    and `fit` descends the same squared hinge.

    Args:
        classes: number of classes, at least 2; of two, both have a plane.
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range.
    """

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return the scores, float32 [n, classes], from features [n, d]."""
        x = self.body(features, name)
        return tf.keras.layers.Dense(self.classes, dtype="float32", name=name)(x)

    def loss(self) -> SquaredHinge:
        """Return the squared hinge, the mean over the classes."""
        return SquaredHinge()

    def probabilities(self, outputs):
        """Return the softmax of the scores [n, classes], of a tensor or an array."""
        softmax = tf.nn.softmax(outputs)
        return softmax.numpy() if isinstance(outputs, np.ndarray) else softmax

    def with_probabilities(self, outputs, probabilities):
        """Return the scores of which these are the softmax."""
        return tf.math.log(tf.maximum(probabilities, _LEAST_PROBABILITY))

    def decode(
        self, outputs: np.ndarray, class_names: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the class of each sample, as other classifiers do, with its `score` beside."""
        answers = super().decode(outputs, class_names)
        return [
            {**answer, "score": float(row[answer["index"]])}
            for answer, row in zip(answers, outputs, strict=True)
        ]

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `scores` float32 [n, classes] and `class` int64 [n]."""
        return {"scores": output, "class": tf.argmax(output, axis=-1)}
