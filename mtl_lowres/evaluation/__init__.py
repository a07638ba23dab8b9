"""Metrics on plain arrays: what is measured, over whom, and how sure the figure is."""

from mtl_lowres.evaluation.classification import (
    classification_metrics,
    format_mean_std,
    summarise_seeds,
)

__all__ = ["classification_metrics", "format_mean_std", "summarise_seeds"]
