"""Who a person is, among the people seen in training."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.classification import ClassificationHead
from mtl_lowres.heads.options import used_options
from mtl_lowres.losses import NLL, LabelledMeanLoss, SquaredHinge, TripletCrossEntropy
from mtl_lowres.registry import HEADS

_LOSS_OPTIONS = {
    "softmax": ("label_smoothing",),
    "triplet": ("label_smoothing", "embedding", "margin"),
    "squared_hinge": (),
}


@HEADS.register("identity")
class Identity(ClassificationHead):
    """Identity among a fixed set of people.

    The output is class probabilities, float32 [n, classes]. With `triplet` it is the probabilities
    followed by an embedding of length 1, float32 [n, classes + embedding]: the triplet loss acts
    on the embedding, and the cross-entropy on a softmax over it, which names the person.
    `probabilities` and `embeddings` take the two apart.

    Args:
        classes: number of people, at least 2.
        loss: `"softmax"`, the cross-entropy of the softmax; `"triplet"`, the semi-hard triplet loss
            plus that cross-entropy; or `"squared_hinge"`, on the softmax.
        label_smoothing: share of each label spread evenly over all people, in [0, 1); default 0;
            not for `squared_hinge`.
        embedding: width of the embedding of `triplet`, at least 2; default 64.
        margin: by how much closer `triplet` wants images of one person than those of two, as a
            distance on the unit sphere in (0, 2]; default 0.3.
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range, or an option is given that the loss does not use.
    """

    def __init__(
        self,
        classes: int,
        loss: str = "softmax",
        *,
        label_smoothing: float | None = None,
        embedding: int | None = None,
        margin: float | None = None,
        hidden: int = 0,
        dropout: float = 0.0,
    ):
        super().__init__(classes, hidden=hidden, dropout=dropout)
        given = {"label_smoothing": label_smoothing, "embedding": embedding, "margin": margin}
        options = used_options("loss", loss, _LOSS_OPTIONS, given)
        self.loss_name = loss
        self.embedding = _checked_width(options.pop("embedding", 64)) if loss == "triplet" else None
        losses = {"softmax": NLL, "triplet": TripletCrossEntropy, "squared_hinge": SquaredHinge}
        if loss == "triplet":
            options["classes"] = self.classes
        self._loss = losses[loss](**options)

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return the output described above from features [n, d]."""
        if self.embedding is None:
            return super().build(features, name)
        x = self.body(features, name)
        x = tf.keras.layers.Dense(self.embedding, dtype="float32", name=f"{name}_projection")(x)
        unit = tf.keras.layers.UnitNormalization(dtype="float32", name=f"{name}_embedding")(x)
        # Entries of about 1, as a softmax layer expects; at length 1 it would learn very slowly.
        x = tf.keras.layers.Rescaling(
            math.sqrt(self.embedding), dtype="float32", name=f"{name}_scaled"
        )(unit)
        x = tf.keras.layers.Dense(self.classes, dtype="float32", name=f"{name}_logits")(x)
        x = tf.keras.layers.Softmax(dtype="float32", name=f"{name}_probabilities")(x)
        return tf.keras.layers.Concatenate(dtype="float32", name=name)([x, unit])

    def embeddings(self, outputs):
        """Return the embeddings [n, embedding] within outputs, a tensor or an array.

        Raises:
            InputError: if the loss is not `triplet`.
        """
        if self.embedding is None:
            raise InputError(f"loss={self.loss_name!r} has no embedding: use loss='triplet'")
        return outputs[:, self.classes :]

    def loss(self) -> LabelledMeanLoss:
        """Return the loss that `loss` and its options name."""
        return self._loss

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `probabilities` and `class`, and with `triplet` also `embedding`."""
        served = super().serve(output)
        if self.embedding is not None:
            served["embedding"] = self.embeddings(output)
        return served

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the loss options resolved."""
        options = {**self._loss.get_config(), "embedding": self.embedding}
        used = {name: options[name] for name in _LOSS_OPTIONS[self.loss_name]}
        return {**super().get_config(), "loss": self.loss_name, **used}


def _checked_width(embedding: int) -> int:
    whole = isinstance(embedding, (int, np.integer)) and not isinstance(embedding, bool)
    if not whole or embedding < 2:
        raise InputError(f"embedding={embedding!r} cannot be used: give a width of at least 2")
    return int(embedding)
