"""Metrics and protocols: verification, identification, and the plots that show them."""
