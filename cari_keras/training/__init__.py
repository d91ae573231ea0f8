"""Losses, task weighting, the two-gradient step, and the loop around it."""
