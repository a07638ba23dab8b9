"""The layers that a head may have between the features and its output."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError


@dataclass(frozen=True)
class Body:
    """A fully connected layer with PReLU and batch norm, and dropout; nothing by default.

    Args:
        hidden: width of the fully connected layer; 0 leaves it, PReLU and batch norm out.
        dropout: share of the values that are dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range.

    Source: the heads of the lightweight multi-task network, where `hidden` is 512 for faces and
    1024 for swimmers, and `dropout` 0.5.
    """

    hidden: int = 0
    dropout: float = 0.0

    def __post_init__(self):
        whole = isinstance(self.hidden, (int, np.integer)) and not isinstance(self.hidden, bool)
        if not whole or self.hidden < 0:
            raise InputError(f"hidden={self.hidden!r} cannot be used: give a width, or 0 for none")
        if not (math.isfinite(self.dropout) and 0 <= self.dropout < 1):
            raise InputError(f"dropout={self.dropout!r} cannot be used: give a number in [0, 1)")

    def __call__(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return [n, hidden] from features [n, d]; the layers are named after the task `name`."""
        x = features
        if self.hidden:
            x = tf.keras.layers.Dense(self.hidden, name=f"{name}_hidden")(x)
            x = tf.keras.layers.PReLU(name=f"{name}_prelu")(x)
            x = tf.keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        if self.dropout:
            x = tf.keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x)
        return x
