"""Datasets, their preparation as TFRecords, and the input pipeline."""
