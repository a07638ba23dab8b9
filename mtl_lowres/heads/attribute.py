"""A lasting property of a person, such as gender or race."""

from mtl_lowres.heads.softmax import SoftmaxHead
from mtl_lowres.registry import HEADS


@HEADS.register("attribute")
class Attribute(SoftmaxHead):
    """One property among a fixed set of classes; see `SoftmaxHead` for the arguments.

    A property of two classes, too, has two softmax outputs, so that all properties read alike.

    Example:
        >>> heads = {"gender": Attribute(2), "race": Attribute(5, label_smoothing=0.1)}
    """
