"""How `Identity` turns an embedding into its output, for each loss that acts on an embedding."""

import math
from typing import Any

import tensorflow as tf

from mtl_lowres.heads.options import checked_integer
from mtl_lowres.layers import CentreDistances, CosineLogits, StandardisedLength, VectorLength
from mtl_lowres.losses import (
    AdaFace,
    AMSoftmax,
    ArcFace,
    ASoftmax,
    CenterCrossEntropy,
    EmbeddingCrossEntropy,
    LabelledMeanLoss,
    TripletCrossEntropy,
)
from mtl_lowres.losses.margin_schedule import LambdaSchedule


class SoftmaxMethod:
    """A linear layer without bias on the embedding, and a softmax.

    Args:
        classes: number of classes.
        **options: of the loss.

    Attributes:
        options: names of the options.
        width: of the embedding unless one is given; 0 for the features as they are.
        loss: that the output is made for.
    """

    options: tuple[str, ...] = ("label_smoothing",)
    width = 0
    loss_class: type[LabelledMeanLoss] = EmbeddingCrossEntropy

    def __init__(self, classes: int, **options: Any):
        self.classes = classes
        self.loss = self.loss_class(classes, **options)

    @property
    def before_embedding(self) -> int:
        """Number of columns of the output before the embedding."""
        return self.classes

    def parts(self, embedding: tf.Tensor, name: str) -> list[tf.Tensor]:
        """Return the parts of the output, of which probabilities are first, the embedding last.

        Args:
            embedding: symbolic float32 [n, d].
            name: of the task.
        """
        logits = tf.keras.layers.Dense(
            self.classes, use_bias=False, dtype="float32", name=f"{name}_class_vectors"
        )(embedding)
        return [_probabilities(logits, name), embedding]

    def callbacks(self, task: str) -> list[tf.keras.callbacks.Callback]:
        """Return the callbacks that the loss needs."""
        return []

    def get_options(self) -> dict[str, Any]:
        """Return the value of each option."""
        config = self.loss.get_config()
        return {option: config[option] for option in self.options}


class CenterMethod(SoftmaxMethod):
    """The same with the squared distances to the class centres, [n, classes]."""

    options = ("label_smoothing", "center_weight")
    loss_class = CenterCrossEntropy

    @property
    def before_embedding(self) -> int:
        """Number of columns of the output before the embedding."""
        return 2 * self.classes

    def parts(self, embedding, name):
        """Return probabilities, squared distances, and the embedding."""
        probabilities, embedding = super().parts(embedding, name)
        distances = CentreDistances(self.classes, dtype="float32", name=f"{name}_centres")
        return [probabilities, distances(embedding), embedding]


class TripletMethod(SoftmaxMethod):
    """An embedding of length 1, and a softmax over it."""

    options = ("label_smoothing", "margin")
    width = 64
    loss_class = TripletCrossEntropy

    def parts(self, embedding, name):
        """Return probabilities and the embedding at length 1."""
        unit = tf.keras.layers.UnitNormalization(dtype="float32", name=f"{name}_embedding")
        embedding = unit(embedding)
        # Entries of about 1, as a softmax layer expects; at length 1 it would learn very slowly.
        scaled = _times(math.sqrt(embedding.shape[-1]), embedding, name)
        logits = tf.keras.layers.Dense(self.classes, dtype="float32", name=f"{name}_logits")
        return [_probabilities(logits(scaled), name), embedding]


class CosineMethod(SoftmaxMethod):
    """Cosines with the class vectors, times a scale, and a softmax.

    Args:
        classes: number of classes.
        centres: vectors a class, at least 1.
        **options: of the loss.

    Raises:
        InputError: if an option is out of range.
    """

    options = ("centres", "margin", "scale")
    loss_class = AMSoftmax

    def __init__(self, classes: int, *, centres: int = 1, **options: Any):
        super().__init__(classes, **options)
        self.centres = checked_integer("centres", centres, 1)

    @property
    def before_embedding(self) -> int:
        """Number of columns of the output before the embedding."""
        return 2 * self.classes

    def parts(self, embedding, name):
        """Return probabilities, cosines, and the embedding."""
        cosines = self._cosines(embedding, name)
        logits = _times(self.loss.scale, cosines, name)
        return [_probabilities(logits, name), cosines, embedding]

    def _cosines(self, embedding: tf.Tensor, name: str) -> tf.Tensor:
        layer = CosineLogits(
            self.classes, self.centres, dtype="float32", name=f"{name}_class_vectors"
        )
        return layer(embedding)

    def get_options(self):
        """Return the value of each option."""
        config = {**self.loss.get_config(), "centres": self.centres}
        return {option: config[option] for option in self.options}


class ArcFaceMethod(CosineMethod):
    """The same for ArcFace."""

    loss_class = ArcFace


class AdaFaceMethod(CosineMethod):
    """The same with the standardised length of the embedding, from which AdaFace tells quality."""

    options = ("centres", "margin", "scale", "concentration")
    loss_class = AdaFace

    @property
    def before_embedding(self) -> int:
        """Number of columns of the output before the embedding."""
        return 2 * self.classes + 1

    def parts(self, embedding, name):
        """Return probabilities, cosines, standardised length, and the embedding."""
        probabilities, cosines, embedding = super().parts(embedding, name)
        quality = StandardisedLength(dtype="float32", name=f"{name}_quality")(embedding)
        return [probabilities, cosines, quality, embedding]


class ASoftmaxMethod(CosineMethod):
    """Cosines with the class vectors, times the length of the embedding, and a softmax."""

    options = ("centres", "margin", "schedule")
    loss_class = ASoftmax

    @property
    def before_embedding(self) -> int:
        """Number of columns of the output before the embedding."""
        return 2 * self.classes + 1

    def parts(self, embedding, name):
        """Return probabilities, cosines, length, and the embedding."""
        cosines = self._cosines(embedding, name)
        length = VectorLength(dtype="float32", name=f"{name}_length")(embedding)
        logits = tf.keras.layers.Multiply(dtype="float32", name=f"{name}_logits")([cosines, length])
        return [_probabilities(logits, name), cosines, length, embedding]

    def callbacks(self, task):
        """Return the schedule of lambda."""
        return [LambdaSchedule(self.loss.blend, self.loss.schedule, task)]


METHODS = {
    "softmax": SoftmaxMethod,
    "triplet": TripletMethod,
    "center": CenterMethod,
    "a_softmax": ASoftmaxMethod,
    "am_softmax": CosineMethod,
    "arcface": ArcFaceMethod,
    "adaface": AdaFaceMethod,
}


def _times(factor: float, x: tf.Tensor, name: str) -> tf.Tensor:
    return tf.keras.layers.Rescaling(factor, dtype="float32", name=f"{name}_scaled")(x)


def _probabilities(logits: tf.Tensor, name: str) -> tf.Tensor:
    return tf.keras.layers.Softmax(dtype="float32", name=f"{name}_probabilities")(logits)
