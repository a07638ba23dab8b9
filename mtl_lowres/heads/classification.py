"""What the heads that choose among classes share."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.base import Head
from mtl_lowres.heads.body import Body
from mtl_lowres.heads.metrics import Accuracy, MacroF1


class ClassificationHead(Head):
    """A linear layer and a softmax, after the layers of `Body`.

    Args:
        classes: number of classes, at least 2.
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range.
    """

    def __init__(self, classes: int, *, hidden: int = 0, dropout: float = 0.0):
        if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 2:
            raise InputError(f"classes={classes!r} cannot be used: give an integer of at least 2")
        self.classes = int(classes)
        self.body = Body(hidden, dropout)

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return class probabilities, float32 [n, classes], from features [n, d]."""
        x = self.body(features, name)
        # float32 under every policy: half precision cannot hold small probabilities.
        x = tf.keras.layers.Dense(self.classes, dtype="float32", name=f"{name}_logits")(x)
        x = self.transform_logits(x, name)
        return tf.keras.layers.Softmax(dtype="float32", name=name)(x)

    def transform_logits(self, logits: tf.Tensor, name: str) -> tf.Tensor:
        """Return what enters the softmax; the logits themselves unless a head overrides this."""
        return logits

    def probabilities(self, outputs):
        """Return the class probabilities [n, classes] within outputs, a tensor or an array.

        They are the first columns; what a head adds for its loss comes after them.
        """
        return outputs[:, : self.classes]

    def with_probabilities(self, outputs: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        """Return outputs [n, ...] with other class probabilities [n, classes] in them."""
        return tf.concat([probabilities, outputs[:, self.classes :]], axis=1)

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Return new `accuracy` and `macro_f1` metrics."""
        return [Accuracy(self.classes), MacroF1(self.classes)]

    def decode(
        self, outputs: np.ndarray, class_names: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the most likely class of each sample.

        Args:
            outputs: what the built model predicts; its first columns are the probabilities.
            class_names: name of each class; without them a class is called by its index.

        Returns:
            One dict a sample, such as `{"label": "warrior", "index": 3, "confidence": 0.93}`.
        """
        names = class_names or [str(index) for index in range(self.classes)]
        probabilities = self.probabilities(outputs)
        return [
            {"label": names[index], "index": int(index), "confidence": float(row[index])}
            for row, index in zip(probabilities, np.argmax(probabilities, axis=-1), strict=True)
        ]

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `probabilities` float32 [n, classes] and `class` int64 [n]."""
        probabilities = self.probabilities(output)
        return {"probabilities": probabilities, "class": tf.argmax(probabilities, axis=-1)}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "classes": self.classes,
            "hidden": int(self.body.hidden),
            "dropout": float(self.body.dropout),
        }
