"""What the heads that choose among classes share."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.base import Head
from mtl_lowres.heads.metrics import Accuracy, MacroF1


class ClassificationHead(Head):
    """A linear layer and a softmax.

    Args:
        classes: number of classes, at least 2.

    Raises:
        InputError: if `classes` is not such an integer.
    """

    def __init__(self, classes: int):
        if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 2:
            raise InputError(f"classes={classes!r} cannot be used: give an integer of at least 2")
        self.classes = int(classes)

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return class probabilities, float32 [n, classes], from features [n, d]."""
        # float32 under every policy: half precision cannot hold small probabilities.
        x = tf.keras.layers.Dense(self.classes, dtype="float32", name=f"{name}_logits")(features)
        x = self.transform_logits(x, name)
        return tf.keras.layers.Softmax(dtype="float32", name=name)(x)

    def transform_logits(self, logits: tf.Tensor, name: str) -> tf.Tensor:
        """Return what enters the softmax; the logits themselves unless a head overrides this."""
        return logits

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Return new `accuracy` and `macro_f1` metrics."""
        return [Accuracy(), MacroF1(self.classes)]

    def decode(
        self, outputs: np.ndarray, class_names: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the most likely class of each sample.

        Args:
            outputs: probabilities [n, classes].
            class_names: name of each class; without them a class is called by its index.

        Returns:
            One dict a sample, such as `{"label": "warrior", "index": 3, "confidence": 0.93}`.
        """
        names = class_names or [str(index) for index in range(self.classes)]
        return [
            {"label": names[index], "index": int(index), "confidence": float(row[index])}
            for row, index in zip(outputs, np.argmax(outputs, axis=-1), strict=True)
        ]

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `probabilities` float32 [n, classes] and `class` int64 [n]."""
        return {"probabilities": output, "class": tf.argmax(output, axis=-1)}


def used_options(loss: str, allowed: dict[str, tuple[str, ...]], **options: float | None) -> dict:
    """Return the options that were given, all of which the loss must use.

    Args:
        loss: name of the loss.
        allowed: the options that each loss uses, by its name.
        **options: value of each option, None when it was not given.

    Raises:
        InputError: if the loss is unknown or does not use a given option.
    """
    if loss not in allowed:
        raise InputError(f"unknown loss {loss!r}: known are {', '.join(allowed)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in allowed[loss]:
            users = [other for other, names in allowed.items() if name in names]
            raise InputError(
                f"{name}={value!r} has no effect on loss {loss!r}: leave it out, or use loss "
                f"{' or '.join(map(repr, users))}"
            )
    return given
