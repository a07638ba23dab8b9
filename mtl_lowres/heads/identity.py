"""Who a person is, among the people seen in training."""

from typing import Any

from mtl_lowres.heads.classification import ClassificationHead, used_options
from mtl_lowres.losses import NLL, ClassificationLoss
from mtl_lowres.registry import HEADS

_LOSS_OPTIONS = {"softmax": ()}


@HEADS.register("identity")
class Identity(ClassificationHead):
    """Identity among a fixed set of people.

    The output is class probabilities, float32 [n, classes].

    Args:
        classes: number of people, at least 2.
        loss: `"softmax"`, the cross-entropy of the softmax.
        label_smoothing: share of each label spread evenly over all people, in [0, 1).

    Raises:
        InputError: if a value is out of range or the loss is unknown.
    """

    def __init__(self, classes: int, loss: str = "softmax", *, label_smoothing: float = 0.0):
        super().__init__(classes)
        used_options(loss, _LOSS_OPTIONS)
        self.loss_name = loss
        self._loss = NLL(label_smoothing)

    def loss(self) -> ClassificationLoss:
        """Return the cross-entropy."""
        return self._loss

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "classes": self.classes,
            "loss": self.loss_name,
            "label_smoothing": self._loss.label_smoothing,
        }
