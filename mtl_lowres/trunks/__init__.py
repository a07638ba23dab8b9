"""Trunks: functions from an image shape to a Functional model that ends in a feature vector."""

from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.lownet import lownet
from mtl_lowres.trunks.lownet_comparisons import cnn3, lenet, resnet1, resnet2
from mtl_lowres.trunks.steadynet import steadynet

list_trunks = TRUNKS.list

__all__ = ["cnn3", "lenet", "list_trunks", "lownet", "resnet1", "resnet2", "steadynet"]
