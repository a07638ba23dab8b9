"""An embedding that imitates a teacher's."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.base import Head
from mtl_lowres.heads.body import Body
from mtl_lowres.heads.options import checked_width
from mtl_lowres.layers import FeatureScale
from mtl_lowres.losses import FeatureCosine, FeatureL2, LabelledMeanLoss, Relational
from mtl_lowres.losses.imitation import cosines
from mtl_lowres.registry import HEADS

_LOSSES = {"l2": FeatureL2, "cosine": FeatureCosine, "relational": Relational}


@HEADS.register("embedding")
class Embedding(Head):
    """The features of an image as a vector that stands for what it shows, such as a face.

    The output is float32 [n, d], of any length. Labels are the vectors to be imitated, float32
    [n, d]: the embeddings of a teacher that sees the same images better. Without training, the
    head gives a trunk with pretrained weights an output, so that it can be that teacher.

    Args:
        width: d, at least 2, by a linear layer whose output is brought to the scale of the
            teacher's embeddings; 0 leaves the features as they are.
        loss: `"l2"`, the mean squared difference; `"cosine"`, one minus the cosine, whatever the
            lengths; or `"relational"`, the distances among the samples of a batch, for which the
            teacher's width may differ; see `mtl_lowres.losses.imitation`.
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range or the loss is unknown.

    Example:
        >>> student = build_model("lownet", {"embedding": Embedding(128)}, (16, 16, 3))
    """

    def __init__(self, width: int = 0, loss: str = "l2", *, hidden: int = 0, dropout: float = 0.0):
        if loss not in _LOSSES:
            raise InputError(f"unknown loss {loss!r}: known are {', '.join(_LOSSES)}")
        self.width = checked_width("width", width)
        self.loss_name = loss
        self.body = Body(hidden, dropout)

    @property
    def embeds(self) -> bool:
        """True."""
        return True

    def embedding_of(self, outputs):
        """Return the outputs, which are the embeddings float32 [n, d]."""
        return outputs

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return the embedding, float32 [n, width], from features [n, d]."""
        x = self.body(features, name)
        if not self.width:
            return tf.keras.layers.Activation("linear", dtype="float32", name=name)(x)
        # Distances do not see an offset, so nothing would train it.
        offset = self.loss_name != "relational"
        x = tf.keras.layers.Dense(
            self.width, use_bias=offset, dtype="float32", name=f"{name}_projection"
        )(x)
        return FeatureScale(dtype="float32", name=name)(x)

    def adapt(self, model: tf.keras.Model, name: str, vectors: np.ndarray) -> None:
        """Set the scale of the output to that of vectors like those to be imitated.

        A teacher's numbers may be tiny or far from zero; the linear layer then has to learn values
        of about one only. Without a linear layer nothing is set.

        Args:
            model: that `build` made the output of.
            name: of the task.
            vectors: some of the teacher's embeddings, float32 [n, d].
        """
        if self.width:
            model.get_layer(name).adapt(vectors)

    def loss(self) -> LabelledMeanLoss:
        """Return the loss that `loss` names."""
        return _LOSSES[self.loss_name]()

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Return a new `cosine`, the mean between output and label; none for `relational`.

        That loss leaves the directions free, and even the width.
        """
        if self.loss_name == "relational":
            return []
        return [tf.keras.metrics.MeanMetricWrapper(_cosine, name="cosine")]

    def decode(
        self, outputs: np.ndarray, class_names: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the embedding of each sample.

        Args:
            outputs: what the built model predicts, [n, d].
            class_names: ignored; an embedding has none.

        Returns:
            One dict a sample, such as `{"label": "embedding of 128 numbers", "embedding": [...]}`
            with d numbers of six decimals.
        """
        rows = np.asarray(outputs, np.float64).round(6)
        label = f"embedding of {rows.shape[-1]} numbers"
        return [{"label": label, "embedding": row.tolist()} for row in rows]

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `embedding` float32 [n, d]."""
        return {"embedding": output}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "width": self.width,
            "loss": self.loss_name,
            "hidden": int(self.body.hidden),
            "dropout": float(self.body.dropout),
        }


def _cosine(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    return cosines(tf.cast(y_true, y_pred.dtype), y_pred)
