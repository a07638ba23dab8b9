"""Task weighting: how the losses of several tasks become one step of training."""

from mtl_lowres.registry import WEIGHTINGS
from mtl_lowres.weighting.base import TaskStep, TaskWeighting, parse_weighting
from mtl_lowres.weighting.by_gradient import GradNorm, PCGrad
from mtl_lowres.weighting.by_loss import DWA, Equal, Fixed, Random, Uncertainty

list_weightings = WEIGHTINGS.list

__all__ = [
    "DWA",
    "Equal",
    "Fixed",
    "GradNorm",
    "PCGrad",
    "Random",
    "TaskStep",
    "TaskWeighting",
    "Uncertainty",
    "list_weightings",
    "parse_weighting",
]
