"""Losses that average over the labelled samples of a batch."""

from mtl_lowres.losses.age import AgeLoss, AgeSquaredError
from mtl_lowres.losses.age_softmax import AgeCrossEntropy, AgeLabelDistribution, AgeMeanVariance
from mtl_lowres.losses.base import LabelledMeanLoss
from mtl_lowres.losses.center import CenterCrossEntropy
from mtl_lowres.losses.classification import KL, NLL, ClassificationLoss, Focal, FocalKL
from mtl_lowres.losses.coral import Coral
from mtl_lowres.losses.embedding import EmbeddingCrossEntropy
from mtl_lowres.losses.hinge import SquaredHinge
from mtl_lowres.losses.imitation import FeatureCosine, FeatureL2, Relational
from mtl_lowres.losses.label_diversity import LabelDiversity
from mtl_lowres.losses.margin import AdaFace, AMSoftmax, ArcFace, ASoftmax
from mtl_lowres.losses.triplet import TripletCrossEntropy

__all__ = [
    "KL",
    "NLL",
    "AMSoftmax",
    "ASoftmax",
    "AdaFace",
    "AgeCrossEntropy",
    "AgeLabelDistribution",
    "AgeLoss",
    "AgeMeanVariance",
    "AgeSquaredError",
    "ArcFace",
    "CenterCrossEntropy",
    "ClassificationLoss",
    "Coral",
    "EmbeddingCrossEntropy",
    "FeatureCosine",
    "FeatureL2",
    "Focal",
    "FocalKL",
    "LabelDiversity",
    "LabelledMeanLoss",
    "Relational",
    "SquaredHinge",
    "TripletCrossEntropy",
]
