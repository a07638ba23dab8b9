"""Layers that Keras lacks; each is registered for serialisation."""

from mtl_lowres.layers.shifted_views import MeanOfViews, ShiftedViews
from mtl_lowres.layers.sloped_relu import SlopedReLU

__all__ = ["MeanOfViews", "ShiftedViews", "SlopedReLU"]
