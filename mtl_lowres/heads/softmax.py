"""Classification heads that are trained with one of LowNet's losses."""

from typing import Any

from mtl_lowres.heads.classification import ClassificationHead
from mtl_lowres.heads.options import used_options
from mtl_lowres.losses import KL, NLL, ClassificationLoss, Focal, FocalKL

_LOSSES = {"focal_kl": FocalKL, "focal": Focal, "kl": KL, "nll": NLL}
_LOSS_OPTIONS = {"focal_kl": ("alpha", "beta"), "focal": ("gamma",), "kl": (), "nll": ()}


class SoftmaxHead(ClassificationHead):
    """A classification head with a choice of losses.

    The output is class probabilities, float32 [n, classes].

    Args:
        classes: number of classes, at least 2.
        loss: `"nll"` (cross-entropy), `"focal"`, `"kl"` or `"focal_kl"`; see `mtl_lowres.losses`.
        alpha: factor of `focal_kl`, positive; default 0.5.
        beta: focusing exponent of `focal_kl`, at least 0; default 1.
        gamma: focusing exponent of `focal`, at least 0; default 2.
        label_smoothing: share of each label spread evenly over all classes, in [0, 1).
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range, or an option is given that the loss does not use.
    """

    def __init__(
        self,
        classes: int,
        loss: str = "nll",
        *,
        alpha: float | None = None,
        beta: float | None = None,
        gamma: float | None = None,
        label_smoothing: float = 0.0,
        hidden: int = 0,
        dropout: float = 0.0,
    ):
        super().__init__(classes, hidden=hidden, dropout=dropout)
        given = {"alpha": alpha, "beta": beta, "gamma": gamma}
        options = used_options("loss", loss, _LOSS_OPTIONS, given)
        self.loss_name = loss
        self._loss = _LOSSES[loss](label_smoothing=label_smoothing, **options)

    def loss(self) -> ClassificationLoss:
        """Return the loss that `loss` and its options name."""
        return self._loss

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the loss options resolved."""
        options = self._loss.get_config()
        del options["name"]
        return {**super().get_config(), "loss": self.loss_name, **options}
