"""Losses with a margin on the angle between an embedding and its class.

The functions change the cosine of a sample's own class, elementwise on float tensors, so that it
must be larger to give the same loss. The classes put the softmax cross-entropy on it: `y_true` is
class indices int [n] and `y_pred` float32 [n, 2 * classes + ... + d]: probabilities, cosines, what
a loss needs besides, and the embedding.
"""

import math

import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.losses.base import LabelledMeanLoss
from mtl_lowres.losses.labels import to_distribution
from mtl_lowres.losses.margin_schedule import lambda_at

# Cosines nearer to 1 or -1 would make the slope of the sine infinite.
_NEAREST = 1.0 - 1e-7


def a_softmax(cosine: tf.Tensor, margin: int, blend: float | tf.Tensor) -> tf.Tensor:
    """Return `(blend * cosine + psi) / (1 + blend)` with `psi = (-1)**k * cos(m * angle) - 2 * k`.

    Here k is the number of the `m` equal parts of [0, pi] that lie below the angle.

    Args:
        cosine: in [-1, 1].
        margin: m, an integer of at least 1; 1 changes nothing.
        blend: lambda, at least 0, scalar.

    Source: SphereFace (Liu et al., CVPR 2017), equation 7 and its release. The cosine of the
    multiple angle is a Chebyshev polynomial, which needs no arc cosine and has a finite slope.
    """
    previous, multiple = tf.ones_like(cosine), cosine
    for _ in range(margin - 1):
        previous, multiple = multiple, 2.0 * cosine * multiple - previous
    ends = [math.cos(part * math.pi / margin) for part in range(1, margin)]
    k = tf.add_n([tf.cast(cosine <= end, cosine.dtype) for end in ends]) if ends else 0.0
    sign = 1.0 - 2.0 * tf.math.floormod(k, 2.0)
    psi = sign * multiple - 2.0 * k
    return (blend * cosine + psi) / (1.0 + blend)


def am_softmax(cosine: tf.Tensor, margin: float) -> tf.Tensor:
    """Return `cosine - margin`.

    Source: AM-Softmax (Wang et al., 2018) and CosFace (Wang et al., CVPR 2018), which are one.
    """
    return cosine - margin


def arcface(cosine: tf.Tensor, margin: float) -> tf.Tensor:
    """Return `cos(angle + margin)`, and `cosine - margin * sin(margin)` beyond pi.

    Args:
        cosine: in [-1, 1].
        margin: angle in radians, in (0, pi / 2).

    Source: ArcFace (Deng et al., CVPR 2019), equation 3; beyond pi, where it would fall with the
    cosine, as in its release (insightface).
    """
    cosine = tf.clip_by_value(cosine, -_NEAREST, _NEAREST)
    sine = tf.sqrt(1.0 - tf.square(cosine))
    within = math.cos(margin) * cosine - math.sin(margin) * sine
    beyond = cosine - margin * math.sin(margin)
    return tf.where(cosine > math.cos(math.pi - margin), within, beyond)


def adaface(cosine: tf.Tensor, margin: float, quality: tf.Tensor) -> tf.Tensor:
    """Return `cos(angle - margin * quality) - margin * (1 + quality)`, the angle in [0, pi].

    Args:
        cosine: in [-1, 1].
        margin: positive.
        quality: of each sample, in [-1, 1]; at -1 it is ArcFace, at 0 CosFace.

    Source: AdaFace (Kim et al., CVPR 2022), section 3.3 and its release.
    """
    angle = tf.acos(tf.clip_by_value(cosine, -_NEAREST, _NEAREST)) - margin * quality
    return tf.cos(tf.clip_by_value(angle, 0.0, math.pi)) - margin * (1.0 + quality)


class MarginLoss(LabelledMeanLoss):
    """Cross-entropy of a softmax over cosines, of which the own class's is made smaller.

    Args:
        classes: number of classes.
        margin: of the loss.
        scale: factor of all cosines, positive.
        name: of the loss.

    Raises:
        InputError: if an argument is out of range; in training, if labels are distributions.
    """

    def __init__(self, classes: int, margin: float, scale: float, name: str | None = None):
        super().__init__(name=name)
        if not (math.isfinite(scale) and scale > 0):
            raise InputError(f"scale={scale!r} cannot be used: give a positive number such as 30")
        self.classes = classes
        self.margin = margin
        self.scale = float(scale)

    def call(self, y_true, y_pred):
        """Return the loss of each sample, float32 [n]."""
        own = to_distribution(self._indices(y_true), self.classes)
        cosines, rest = tf.split(
            y_pred[:, self.classes :], [self.classes, y_pred.shape[-1] - 2 * self.classes], axis=-1
        )
        cosine = tf.reduce_sum(own * cosines, axis=-1, keepdims=True)
        change = self.penalised(cosine, rest) - cosine
        logits = self.scales(rest) * (cosines + own * change)
        return tf.nn.softmax_cross_entropy_with_logits(own, logits)

    def penalised(self, cosine: tf.Tensor, rest: tf.Tensor) -> tf.Tensor:
        """Return what takes the place of the own class's cosine, [n, 1] from [n, 1].

        Args:
            cosine: of the own class.
            rest: the columns of the output behind the cosines.
        """
        raise NotImplementedError(f"{type(self).__name__} must define penalised(cosine, rest)")

    def scales(self, rest: tf.Tensor) -> float | tf.Tensor:
        """Return the factor of the cosines, a number or one for each sample [n, 1]."""
        return self.scale

    def _indices(self, labels) -> tf.Tensor:
        labels = tf.convert_to_tensor(labels)
        if labels.shape.rank > 1 and labels.shape[-1] != 1:
            raise InputError(
                f"the loss {self.name!r} takes one class a sample, but the labels are shares of "
                f"{labels.shape[-1]}: train without mixup, label smoothing and teacher_share, or "
                "with loss='softmax'"
            )
        return labels

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "margin": self.margin,
            "scale": self.scale,
        }


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class ASoftmax(MarginLoss):
    """Angular softmax: `a_softmax` on the own cosine, all scaled by the embedding's length.

    The column behind the cosines is that length.

    Args:
        classes: number of classes.
        margin: m, an integer of at least 1.
        schedule: of lambda, which begins high and so without a margin, `"guidance"` or
            `"official"`; see `mtl_lowres.losses.margin_schedule`. The variable `blend` holds its
            value, which `LambdaSchedule` sets.
        name: of the loss.

    Raises:
        InputError: if an argument is out of range; in training, if labels are distributions.

    Source: SphereFace (Liu et al., CVPR 2017) and its releases. The official Caffe layer scales
    its gradients; these are the plain ones, as in the PyTorch release.
    """

    def __init__(
        self,
        classes: int,
        margin: int = 4,
        schedule: str = "guidance",
        name: str = "a_softmax",
    ):
        if not isinstance(margin, int) or isinstance(margin, bool) or margin < 1:
            raise InputError(f"margin={margin!r} cannot be used: give an integer of at least 1")
        super().__init__(classes, margin, 1.0, name)
        self.schedule = schedule
        self.blend = tf.Variable(lambda_at(schedule, 0), trainable=False, dtype=tf.float32)

    def penalised(self, cosine, rest):
        """Return `a_softmax` of the cosine."""
        return a_softmax(cosine, self.margin, self.blend)

    def scales(self, rest):
        """Return the embeddings' lengths."""
        return rest[:, :1]

    def get_config(self):
        """Return the constructor's arguments."""
        config = {**super().get_config(), "schedule": self.schedule}
        del config["scale"]
        return config


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class AMSoftmax(MarginLoss):
    """Additive margin softmax, also called CosFace: `am_softmax` on the own cosine.

    Args:
        classes: number of classes.
        margin: subtracted from the cosine, in (0, 2).
        scale: factor of all cosines, positive.
        name: of the loss.

    Raises:
        InputError: if an argument is out of range; in training, if labels are distributions.

    Source: see `am_softmax`. The defaults are those of the low-resolution guidance project;
    CosFace's are 0.35 and 64.
    """

    def __init__(
        self, classes: int, margin: float = 0.35, scale: float = 20.0, name: str = "am_softmax"
    ):
        super().__init__(classes, _checked_margin(margin, 2.0), scale, name)

    def penalised(self, cosine, rest):
        """Return `am_softmax` of the cosine."""
        return am_softmax(cosine, self.margin)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class ArcFace(MarginLoss):
    """Additive angular margin: `arcface` on the own cosine.

    Args:
        classes: number of classes.
        margin: added to the angle, in (0, pi / 2) radians.
        scale: factor of all cosines, positive.
        name: of the loss.

    Raises:
        InputError: if an argument is out of range; in training, if labels are distributions.

    Source: see `arcface`; the defaults are insightface's.
    """

    def __init__(
        self, classes: int, margin: float = 0.5, scale: float = 64.0, name: str = "arcface"
    ):
        super().__init__(classes, _checked_margin(margin, math.pi / 2), scale, name)

    def penalised(self, cosine, rest):
        """Return `arcface` of the cosine."""
        return arcface(cosine, self.margin)


@tf.keras.utils.register_keras_serializable("mtl_lowres")
class AdaFace(MarginLoss):
    """A margin that suits how clear an image is: `adaface` on the own cosine.

    The column behind the cosines is the standardised length of the embedding, from which the
    quality is `concentration` times it, within [-1, 1]: unclear images are pushed less when they
    lie far from their class.

    Args:
        classes: number of classes.
        margin: in (0, pi / 2).
        scale: factor of all cosines, positive.
        concentration: h, positive.
        name: of the loss.

    Raises:
        InputError: if an argument is out of range; in training, if labels are distributions.

    Source: see `adaface`; the defaults are its release's.
    """

    def __init__(
        self,
        classes: int,
        margin: float = 0.4,
        scale: float = 64.0,
        concentration: float = 0.333,
        name: str = "adaface",
    ):
        super().__init__(classes, _checked_margin(margin, math.pi / 2), scale, name)
        if not (math.isfinite(concentration) and concentration > 0):
            raise InputError(
                f"concentration={concentration!r} cannot be used: give a positive number"
            )
        self.concentration = float(concentration)

    def penalised(self, cosine, rest):
        """Return `adaface` of the cosine."""
        quality = tf.clip_by_value(self.concentration * rest[:, :1], -1.0, 1.0)
        return adaface(cosine, self.margin, quality)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "concentration": self.concentration}


def _checked_margin(margin: float, limit: float) -> float:
    if not (math.isfinite(margin) and 0 < margin < limit):
        raise InputError(f"margin={margin!r} cannot be used: give a number in (0, {limit:.3g})")
    return float(margin)
