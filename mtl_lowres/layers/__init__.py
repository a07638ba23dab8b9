"""Layers that Keras lacks; each is registered for serialisation."""

from mtl_lowres.layers.frames import FoldFrames, MeanOverFrames, UnfoldFrames
from mtl_lowres.layers.shifted_views import MeanOfViews, ShiftedViews
from mtl_lowres.layers.sloped_relu import SlopedReLU
from mtl_lowres.layers.spatial_attention import SpatialAttention

__all__ = [
    "FoldFrames",
    "MeanOfViews",
    "MeanOverFrames",
    "ShiftedViews",
    "SlopedReLU",
    "SpatialAttention",
    "UnfoldFrames",
]
