"""Scored pairs: which images, how far apart, and whether of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cari_keras.data.base import Pair
from cari_keras.evaluation.allpairs import all_pairs
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.verification import squared_distances


@dataclass(frozen=True)
class Trials:
    """The n pairs of a verification protocol.

    Attributes:
        distances: float32 [n], squared L2, in [0, 4].
        same: bool [n].
        first: Paths of the pairs' first images; across modalities, the caricatures.
        second: Paths of the second images. Where `crossed`, n is the product of the two numbers
            and the second images run fastest; else both have n.
        first_subjects: int, the label of each of `first`.
        crossed: Whether the pairs are all of `first` with all of `second`.
    """

    distances: np.ndarray
    same: np.ndarray
    first: Sequence[str]
    second: Sequence[str]
    first_subjects: np.ndarray
    crossed: bool = False

    @property
    def subjects(self) -> np.ndarray:
        """int [n], the label of each pair's first image."""
        if self.crossed:
            return np.repeat(self.first_subjects, len(self.second))
        return self.first_subjects

    def names(self, row: int) -> tuple[str, str]:
        """The paths of a pair's two images."""
        if self.crossed:
            first, second = divmod(row, len(self.second))
            return self.first[first], self.second[second]
        return self.first[row], self.second[row]

    def only(self, chosen: np.ndarray) -> Trials:
        """Some of the pairs of a list: bool [n].

        Raises:
            ValueError: The pairs are crossed.
        """
        if self.crossed:
            raise ValueError("only listed pairs can be chosen from")
        rows = np.flatnonzero(chosen)
        return Trials(
            self.distances[rows],
            self.same[rows],
            [self.first[row] for row in rows.tolist()],
            [self.second[row] for row in rows.tolist()],
            self.first_subjects[rows],
        )


def listed_trials(predictions: Predictions, pairs: Sequence[Pair]) -> Trials:
    """Scores listed pairs of images that there are answers for."""
    row = {path: i for i, path in enumerate(predictions.paths)}
    embedding = predictions.compared
    first = np.array([row[pair.first] for pair in pairs], int)
    second = np.array([row[pair.second] for pair in pairs], int)
    return Trials(
        squared_distances(embedding[first], embedding[second]),
        np.array([pair.same for pair in pairs], bool),
        [pair.first for pair in pairs],
        [pair.second for pair in pairs],
        predictions.labels[first],
    )


def crossed_trials(predictions: Predictions) -> Trials:
    """Scores every caricature against every photo."""
    caricatures = np.flatnonzero(predictions.is_caricature)
    photos = np.flatnonzero(~predictions.is_caricature)
    embedding, labels = predictions.compared, predictions.labels
    scored = all_pairs(
        embedding[caricatures], labels[caricatures], embedding[photos], labels[photos]
    )
    return Trials(
        scored.distances,
        scored.same,
        [predictions.paths[row] for row in caricatures.tolist()],
        [predictions.paths[row] for row in photos.tolist()],
        labels[caricatures],
        crossed=True,
    )
