"""Who a person is, among the people seen in training."""

from typing import Any

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.classification import ClassificationHead
from mtl_lowres.heads.identity_methods import METHODS
from mtl_lowres.heads.options import checked_width, used_options
from mtl_lowres.losses import NLL, LabelledMeanLoss, SquaredHinge
from mtl_lowres.registry import HEADS

_PLAIN_LOSSES = {"softmax": NLL, "squared_hinge": SquaredHinge}
_LOSS_OPTIONS = {
    **{name: ("embedding", *method.options) for name, method in METHODS.items()},
    "squared_hinge": (),
}


@HEADS.register("identity")
class Identity(ClassificationHead):
    """Identity among a fixed set of people, and an embedding that tells other people apart, too.

    The output is class probabilities, float32 [n, classes], followed, for all losses that act on an
    embedding, by what the loss needs and by the embedding, float32 [n, classes + ... + embedding].
    `probabilities` and `embedding_of` take the two out of it. The losses:

    - `softmax`: the cross-entropy of the softmax; with `embedding`, of one over the embedding;
    - `squared_hinge`: the squared hinge on the softmax;
    - `triplet`: the semi-hard triplet loss on an embedding of length 1, plus the cross-entropy;
    - `center`: the distance of the embedding to its class's centre, plus the cross-entropy;
    - `a_softmax` (SphereFace), `am_softmax` (CosFace), `arcface`, `adaface`: the cross-entropy of a
      softmax over cosines with a margin; see `mtl_lowres.losses.margin`. They take one class a
      sample, so no mixup. The embedding has any length; only its direction tells the person.

    The margins are hard on random weights: with gradients of limited norm they train, but they
    train better from a softmax. Train `Identity(classes, "softmax", embedding=512)` and start from
    that run with the same embedding: all losses from `a_softmax` on, and `center`, name and shape
    their weights as that head does (with one vector a class), so they take over its class vectors.

    Args:
        classes: number of people, at least 2.
        loss: one of those above.
        embedding: width of the embedding, at least 2, by a linear layer; 0 for the features as they
            are, after the hidden layer if there is one. Default: 64 for `triplet`, none for
            `softmax`, else 0.
        label_smoothing: share of each label spread evenly over all people, in [0, 1); default 0;
            of `softmax`, `triplet` and `center`.
        margin: of `triplet`, by how much closer images of one person should be than those of two,
            as a distance on the unit sphere in (0, 2], default 0.3; of `a_softmax`, an integer of
            at least 1, default 4; of `am_softmax` in (0, 2), 0.35; of `arcface` and `adaface` in
            (0, pi / 2), 0.5 and 0.4.
        scale: factor of the cosines; default 20 for `am_softmax`, 64 for `arcface` and `adaface`.
            `a_softmax` takes the embedding's length instead.
        schedule: of the share without margin in `a_softmax`: `"guidance"` (default) or
            `"official"`; see `mtl_lowres.losses.margin_schedule`. `fit` logs it as `<task>_lambda`.
        centres: vectors a class of the margin losses, of which the nearest counts; default 1.
        concentration: of `adaface`: h, positive; default 0.333.
        center_weight: of `center`: factor of half the squared distance; default 0.003.
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range, or an option is given that the loss does not use.

    Example:
        >>> Identity(800, "am_softmax", embedding=128, scale=30)
    """

    def __init__(
        self,
        classes: int,
        loss: str = "softmax",
        *,
        embedding: int | None = None,
        label_smoothing: float | None = None,
        margin: float | None = None,
        scale: float | None = None,
        schedule: str | None = None,
        centres: int | None = None,
        concentration: float | None = None,
        center_weight: float | None = None,
        hidden: int = 0,
        dropout: float = 0.0,
    ):
        super().__init__(classes, hidden=hidden, dropout=dropout)
        given = {
            "embedding": embedding,
            "label_smoothing": label_smoothing,
            "margin": margin,
            "scale": scale,
            "schedule": schedule,
            "centres": centres,
            "concentration": concentration,
            "center_weight": center_weight,
        }
        options = used_options("loss", loss, _LOSS_OPTIONS, given)
        self.loss_name = loss
        if loss in _PLAIN_LOSSES and embedding is None:
            self.embedding, self.method = None, None
            self._loss = _PLAIN_LOSSES[loss](**options)
        else:
            width = options.pop("embedding", METHODS[loss].width)
            self.embedding = checked_width("embedding", width)
            self.method = METHODS[loss](self.classes, **options)
            self._loss = self.method.loss

    @property
    def embeds(self) -> bool:
        """Whether the output holds an embedding."""
        return self.method is not None

    def embedding_of(self, outputs):
        """Return the embeddings float32 [n, d] within outputs, a tensor or an array.

        Raises:
            InputError: if the head has none.
        """
        if self.method is None:
            raise InputError(
                f"loss={self.loss_name!r} has no embedding here: use loss='softmax' with "
                "embedding=64, or another loss such as 'triplet' or 'am_softmax'"
            )
        return outputs[:, self.method.before_embedding :]

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return the output described above from features [n, d]."""
        if self.method is None:
            return super().build(features, name)
        x = self.body(features, name)
        if self.embedding:
            project = tf.keras.layers.Dense(
                self.embedding, dtype="float32", name=f"{name}_projection"
            )
        else:
            project = tf.keras.layers.Activation("linear", dtype="float32", name=f"{name}_features")
        parts = self.method.parts(project(x), name)
        return tf.keras.layers.Concatenate(dtype="float32", name=name)(parts)

    def loss(self) -> LabelledMeanLoss:
        """Return the loss that `loss` and its options name."""
        return self._loss

    def callbacks(self, task: str) -> list[tf.keras.callbacks.Callback]:
        """Return the schedule of `a_softmax`; nothing for other losses."""
        return self.method.callbacks(task) if self.method else []

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `probabilities` and `class`, and `embedding` where there is one."""
        served = super().serve(output)
        if self.embeds:
            served["embedding"] = self.embedding_of(output)
        return served

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the loss options resolved."""
        config = {**super().get_config(), "loss": self.loss_name}
        if self.method is not None:
            return {**config, "embedding": self.embedding, **self.method.get_options()}
        options = self._loss.get_config()
        del options["name"]
        return {**config, **options}
