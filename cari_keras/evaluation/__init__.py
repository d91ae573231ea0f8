"""Metrics and protocols: verification, identification, and the figures that show them."""
