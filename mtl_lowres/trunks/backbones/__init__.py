"""Backbones: networks from a frame to a feature map, which a trunk for clips runs on every frame.

Each is a function `(frame_shape, *, weights=None, name=..., **options)` from the shape (height,
width, channels) of a frame to a Functional model, float32 [n, height, width, channels] in [0, 1]
to a map [n, h, w, c]. What the weights expect of the values (a mean, a scale) is done inside.
"""

from mtl_lowres.registry import BACKBONES
from mtl_lowres.trunks.backbones import (
    efficientnet,  # noqa: F401  importing registers
    mobilenet,  # noqa: F401
    small,  # noqa: F401
)
from mtl_lowres.trunks.backbones.build import build_backbone
from mtl_lowres.trunks.backbones.efficientnet_lite import efficientnet_lite0_classifier

list_backbones = BACKBONES.list

__all__ = ["build_backbone", "efficientnet_lite0_classifier", "list_backbones"]
