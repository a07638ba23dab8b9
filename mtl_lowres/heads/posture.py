"""The posture of a person, as LowNet classifies it."""

from typing import Any

import tensorflow as tf

from mtl_lowres.heads.classification import ClassificationHead, used_options
from mtl_lowres.losses import KL, NLL, ClassificationLoss, Focal, FocalKL
from mtl_lowres.registry import HEADS

_LOSSES = {"focal_kl": FocalKL, "focal": Focal, "kl": KL, "nll": NLL}
_LOSS_OPTIONS = {"focal_kl": ("alpha", "beta"), "focal": ("gamma",), "kl": (), "nll": ()}


@HEADS.register("posture")
class Posture(ClassificationHead):
    """Posture among a fixed set of classes.

    The output is class probabilities, float32 [n, classes].

    Args:
        classes: number of postures, at least 2.
        loss: `"focal_kl"` (LowNet's own), `"focal"`, `"kl"` or `"nll"`; see `mtl_lowres.losses`.
        alpha: factor of `focal_kl`, positive; default 0.5.
        beta: focusing exponent of `focal_kl`, at least 0; default 1.
        gamma: focusing exponent of `focal`, at least 0; default 2.
        label_smoothing: share of each label spread evenly over all classes, in [0, 1).
        paper_exact: apply a ReLU to the logits before the softmax, as LowNet's released program
            does. A logit that is negative for every sample then gets no gradient. The paper's
            figure has linear logits, which is the default.

    Raises:
        InputError: if a value is out of range, or an option is given that the loss does not use.

    Example:
        >>> Posture(38, loss="focal_kl", alpha=0.5, beta=3)

    Source: LowNet (Gochoo et al., ICIP 2020), Table V.
    """

    def __init__(
        self,
        classes: int,
        loss: str = "focal_kl",
        *,
        alpha: float | None = None,
        beta: float | None = None,
        gamma: float | None = None,
        label_smoothing: float = 0.0,
        paper_exact: bool = False,
    ):
        super().__init__(classes)
        options = used_options(loss, _LOSS_OPTIONS, alpha=alpha, beta=beta, gamma=gamma)
        self.loss_name = loss
        self.paper_exact = paper_exact
        self._loss = _LOSSES[loss](label_smoothing=label_smoothing, **options)

    def transform_logits(self, logits: tf.Tensor, name: str) -> tf.Tensor:
        """Return the logits, through a ReLU if `paper_exact`."""
        if not self.paper_exact:
            return logits
        return tf.keras.layers.ReLU(dtype="float32", name=f"{name}_relu")(logits)

    def loss(self) -> ClassificationLoss:
        """Return the loss that `loss` and its options name."""
        return self._loss

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the loss options resolved."""
        options = self._loss.get_config()
        del options["name"]
        return {
            "classes": self.classes,
            "loss": self.loss_name,
            "paper_exact": self.paper_exact,
            **options,
        }
