"""Methods of estimating an age, by the names that `Age` knows them by."""

from mtl_lowres.heads.age_methods.base import AgeMethod
from mtl_lowres.heads.age_methods.coral import CoralOrdinal
from mtl_lowres.heads.age_methods.diverse_bins import DiverseBins
from mtl_lowres.heads.age_methods.squared_error import SquaredError
from mtl_lowres.heads.age_methods.year_softmax import Dex, LabelDistribution, MeanVariance

METHODS: dict[str, type[AgeMethod]] = {
    "mean_variance": MeanVariance,
    "mse": SquaredError,
    "dex": Dex,
    "coral": CoralOrdinal,
    "label_diversity": DiverseBins,
    "label_distribution": LabelDistribution,
}

__all__ = ["METHODS", "AgeMethod"]
