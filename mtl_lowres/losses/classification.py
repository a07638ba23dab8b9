"""Losses of LowNet's Table V between class probabilities and (soft) labels.

All of them take `y_true` as class indices int [n] or distributions [n, classes] and `y_pred` as
probabilities float32 [n, classes]. Each is a sum over the classes per sample; the batch gives the
mean over its labelled samples. The LowNet release sums over the batch instead, so its figures are
n times ours.

Logarithms see probabilities clipped to [1e-10, 1], as in the release: a sample whose true class
has a probability below 1e-10 gives no gradient.

Source: LowNet (Gochoo et al., ICIP 2020), Table V and the released program.
"""

import math

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses.base import LabelledMeanLoss
from mtl_lowres.losses.labels import to_distribution

_SMALLEST = 1e-10


def cross_entropy_terms(y: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Return `-y * log(p)`, [n, classes]."""
    return -y * tf.math.log(_clip(p))


def divergence_terms(y: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Return `y * log(y / p)`, [n, classes], whose sum over the classes is KL(y || p)."""
    y = _clip(y)
    return y * tf.math.log(y / _clip(p))


def focal_weight(p: tf.Tensor, exponent: float) -> tf.Tensor:
    """Return `(1 - p) ** exponent`, [n, classes], which lets confident samples count less."""
    # An exponent below 1 has an infinite slope at p = 1, which would make the gradient NaN.
    return tf.maximum(1.0 - _clip(p), _SMALLEST) ** exponent


def _clip(probabilities: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(probabilities, _SMALLEST, 1.0)


class ClassificationLoss(LabelledMeanLoss):
    """A loss that is a sum of terms over the classes, with label smoothing.

    Args:
        label_smoothing: share of each label spread evenly over all classes, in [0, 1).
        name: of the loss.

    Raises:
        InputError: if `label_smoothing` is out of range.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str | None = None):
        super().__init__(name=name)
        if not 0 <= label_smoothing < 1:
            raise InputError(
                f"label_smoothing={label_smoothing!r} cannot be used: give a number in [0, 1)"
            )
        self.label_smoothing = float(label_smoothing)

    def call(self, y_true, y_pred):
        """Return the loss of each sample, float32 [n]."""
        classes = y_pred.shape[-1]
        y = to_distribution(y_true, classes)
        y = (1.0 - self.label_smoothing) * y + self.label_smoothing / classes
        return tf.reduce_sum(self.terms(y, y_pred), axis=-1)

    def terms(self, y: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
        """Return the terms [n, classes] whose sum over the classes is the loss of a sample."""
        raise NotImplementedError(f"{type(self).__name__} must define terms(y, p)")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class FocalKL(ClassificationLoss):
    """LowNet's own loss: `sum over classes of alpha * (1 - p)**beta * y * log(y / p)`.

    Args:
        alpha: positive factor.
        beta: focusing exponent, at least 0; 0 weighs all samples alike.
        label_smoothing: share of each label spread evenly over all classes, in [0, 1).
        name: of the loss.

    Raises:
        InputError: if an argument is out of range.

    Source: LowNet, "custom" in Table V, where alpha is 0.5 and beta 1. The released training
    script calls it with beta 3.
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 1.0,
        label_smoothing: float = 0.0,
        name: str = "focal_kl",
    ):
        super().__init__(label_smoothing, name)
        if not (math.isfinite(alpha) and alpha > 0):
            raise InputError(f"alpha={alpha!r} cannot be used: give a positive number such as 0.5")
        self.alpha = float(alpha)
        self.beta = _exponent("beta", beta)

    def terms(self, y, p):
        """Return `alpha * (1 - p)**beta * y * log(y / p)`."""
        return self.alpha * focal_weight(p, self.beta) * divergence_terms(y, p)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class Focal(ClassificationLoss):
    """Focal loss: `sum over classes of -(1 - p)**gamma * y * log(p)`.

    Args:
        gamma: focusing exponent, at least 0; 0 is the NLL.
        label_smoothing: share of each label spread evenly over all classes, in [0, 1).
        name: of the loss.

    Raises:
        InputError: if an argument is out of range.

    Source: "Focal" in LowNet's Table V; Lin et al., ICCV 2017, without its class weights.
    """

    def __init__(self, gamma: float = 2.0, label_smoothing: float = 0.0, name: str = "focal"):
        super().__init__(label_smoothing, name)
        self.gamma = _exponent("gamma", gamma)

    def terms(self, y, p):
        """Return `-(1 - p)**gamma * y * log(p)`."""
        return focal_weight(p, self.gamma) * cross_entropy_terms(y, p)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "gamma": self.gamma}


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class KL(ClassificationLoss):
    """Kullback-Leibler divergence of the prediction from the label.

    It differs from the NLL by the entropy of the label, so it is 0 at best even for soft labels.

    Source: "KLD" in LowNet's Table V.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "kl"):
        super().__init__(label_smoothing, name)

    def terms(self, y, p):
        """Return `y * log(y / p)`."""
        return divergence_terms(y, p)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class NLL(ClassificationLoss):
    """Negative log-likelihood of the label, the usual cross-entropy.

    Source: "NLL" in LowNet's Table V.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "nll"):
        super().__init__(label_smoothing, name)

    def terms(self, y, p):
        """Return `-y * log(p)`."""
        return cross_entropy_terms(y, p)


def _exponent(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{name}={value!r} cannot be used: give a number of at least 0")
    return float(value)
