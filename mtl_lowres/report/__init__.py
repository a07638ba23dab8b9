"""Figures and the one-page report of a run; knows nothing of models."""
