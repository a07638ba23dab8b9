"""Layers that Keras lacks; each is registered for serialisation."""

from mtl_lowres.layers.channel_slice import ChannelSlice
from mtl_lowres.layers.contrastive_views import ContrastiveViews
from mtl_lowres.layers.cosine_logits import (
    CentreDistances,
    CosineLogits,
    StandardisedLength,
    VectorLength,
)
from mtl_lowres.layers.either_stream import EitherStream
from mtl_lowres.layers.feature_scale import FeatureScale
from mtl_lowres.layers.flow_colours import FlowColours
from mtl_lowres.layers.frames import FoldFrames, MeanOverFrames, UnfoldFrames
from mtl_lowres.layers.map_moments import MapMoments
from mtl_lowres.layers.mean_of_views import MeanOfViews
from mtl_lowres.layers.semi_coupled import SemiCoupled
from mtl_lowres.layers.shifted_views import SHIFTS, ShiftedViews
from mtl_lowres.layers.signed_power import SignedPower
from mtl_lowres.layers.sloped_relu import SlopedReLU
from mtl_lowres.layers.spatial_attention import SpatialAttention
from mtl_lowres.layers.standardise import Standardise
from mtl_lowres.layers.subtract_mean import SubtractMean
from mtl_lowres.layers.turned_flow_views import TurnedFlowViews
from mtl_lowres.layers.turned_views import TURNS, MirroredViews, TurnedViews

__all__ = [
    "SHIFTS",
    "TURNS",
    "CentreDistances",
    "ChannelSlice",
    "ContrastiveViews",
    "CosineLogits",
    "EitherStream",
    "FeatureScale",
    "FlowColours",
    "FoldFrames",
    "MapMoments",
    "MeanOfViews",
    "MeanOverFrames",
    "MirroredViews",
    "SemiCoupled",
    "ShiftedViews",
    "SignedPower",
    "SlopedReLU",
    "SpatialAttention",
    "Standardise",
    "StandardisedLength",
    "SubtractMean",
    "TurnedFlowViews",
    "TurnedViews",
    "UnfoldFrames",
    "VectorLength",
]
