"""What a person does, in an image or over the frames of a clip."""

from mtl_lowres.heads.softmax import SoftmaxHead
from mtl_lowres.registry import HEADS


@HEADS.register("action")
class Action(SoftmaxHead):
    """Action among a fixed set of classes; see `SoftmaxHead` for the arguments.

    Example:
        >>> Action(7, label_smoothing=0.1, hidden=512, dropout=0.5)
    """
