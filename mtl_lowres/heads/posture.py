"""The posture of a person, as LowNet classifies it."""

from typing import Any

import tensorflow as tf

from mtl_lowres.heads.softmax import SoftmaxHead
from mtl_lowres.registry import HEADS


@HEADS.register("posture")
class Posture(SoftmaxHead):
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
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

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
        hidden: int = 0,
        dropout: float = 0.0,
    ):
        super().__init__(
            classes,
            loss,
            alpha=alpha,
            beta=beta,
            gamma=gamma,
            label_smoothing=label_smoothing,
            hidden=hidden,
            dropout=dropout,
        )
        self.paper_exact = paper_exact

    def transform_logits(self, logits: tf.Tensor, name: str) -> tf.Tensor:
        """Return the logits, through a ReLU if `paper_exact`."""
        if not self.paper_exact:
            return logits
        return tf.keras.layers.ReLU(dtype="float32", name=f"{name}_relu")(logits)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the loss options resolved."""
        return {**super().get_config(), "paper_exact": self.paper_exact}
