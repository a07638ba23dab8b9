"""Layers that Keras lacks; each is registered for serialisation."""

from mtl_lowres.layers.cosine_logits import (
    CentreDistances,
    CosineLogits,
    StandardisedLength,
    VectorLength,
)
from mtl_lowres.layers.feature_scale import FeatureScale
from mtl_lowres.layers.frames import FoldFrames, MeanOverFrames, UnfoldFrames
from mtl_lowres.layers.map_moments import MapMoments
from mtl_lowres.layers.mean_of_views import MeanOfViews
from mtl_lowres.layers.shifted_views import SHIFTS, ShiftedViews
from mtl_lowres.layers.signed_power import SignedPower
from mtl_lowres.layers.sloped_relu import SlopedReLU
from mtl_lowres.layers.spatial_attention import SpatialAttention
from mtl_lowres.layers.standardise import Standardise
from mtl_lowres.layers.turned_views import TURNS, MirroredViews, TurnedViews

__all__ = [
    "SHIFTS",
    "TURNS",
    "CentreDistances",
    "CosineLogits",
    "FeatureScale",
    "FoldFrames",
    "MapMoments",
    "MeanOfViews",
    "MeanOverFrames",
    "MirroredViews",
    "ShiftedViews",
    "SignedPower",
    "SlopedReLU",
    "SpatialAttention",
    "Standardise",
    "StandardisedLength",
    "TurnedViews",
    "UnfoldFrames",
    "VectorLength",
]
