"""Losses that average over the labelled samples of a batch."""

from mtl_lowres.losses.base import LabelledMeanLoss
from mtl_lowres.losses.classification import KL, NLL, ClassificationLoss, Focal, FocalKL

__all__ = ["KL", "NLL", "ClassificationLoss", "Focal", "FocalKL", "LabelledMeanLoss"]
