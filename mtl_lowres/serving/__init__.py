"""Serving: SavedModels for TensorFlow Serving, and predictions for files."""
