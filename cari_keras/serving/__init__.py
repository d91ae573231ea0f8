"""Trained networks as SavedModels for TensorFlow Serving."""
