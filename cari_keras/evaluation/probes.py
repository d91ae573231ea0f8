"""What every single search in a gallery found."""

from __future__ import annotations

from typing import NamedTuple

from cari_keras.arrays import Array
from cari_keras.evaluation.predictions import Predictions


class Probe(NamedTuple):
    """What one search in a gallery found.

    Attributes:
        path: The image that was looked for.
        label: Who it shows.
        nearest: The image of the gallery that is nearest.
        nearest_label: Who that shows.
        distance: Squared, between the two.
        rank: The place of the right person, from 1; between places where ties decide.
    """

    path: str
    label: int
    nearest: str
    nearest_label: int
    distance: float
    rank: float


def probes_of(
    predictions: Predictions,
    asked: Array,
    shelf: Array,
    distances: Array,
    nearest: Array,
    within: Array,
) -> list[Probe]:
    """Every search of some probes in a gallery.

    Args:
        predictions: Of the probes and the gallery's images.
        asked: Rows of the p probes.
        shelf: Rows of the g images of the gallery.
        distances: float [p, g].
        nearest: int [p], of each probe the image of the gallery that is nearest, by its place.
        within: float [K, p], from `ranking.found_within`.
    """
    ranks = 1 + (1 - within).sum(axis=0)
    return [
        Probe(
            predictions.paths[row],
            int(predictions.labels[row]),
            predictions.paths[shelf[place]],
            int(predictions.labels[shelf[place]]),
            float(distances[k, place]),
            float(ranks[k]),
        )
        for k, (row, place) in enumerate(zip(asked.tolist(), nearest.tolist()))
    ]
