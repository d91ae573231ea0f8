"""Scored pairs: which images, how far apart, and whether of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import Pair
from cari_keras.evaluation.allpairs import all_pairs, distance_blocks
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
        second_subjects: Likewise of `second`; None for a list of pairs.
        crossed: Whether the pairs are all of `first` with all of `second`.
    """

    distances: Array
    same: Array
    first: Sequence[str]
    second: Sequence[str]
    first_subjects: Array
    crossed: bool = False
    second_subjects: Optional[Array] = None

    @property
    def subjects(self) -> Array:
        """int [n], the label of each pair's first image."""
        if self.crossed:
            return np.repeat(self.first_subjects, len(self.second))
        return self.first_subjects

    @property
    def other_subjects(self) -> Array:
        """int [n], the label of each pair's second image; a list of pairs does not know it."""
        assert self.second_subjects is not None, "only of all pairs of some images"
        if self.crossed:
            return np.tile(self.second_subjects, len(self.first))
        return self.second_subjects

    @property
    def both_kinds(self) -> bool:
        """Whether there are genuine and impostor pairs."""
        return bool(self.same.any() and not self.same.all())

    def names(self, row: int) -> tuple[str, str]:
        """The paths of a pair's two images."""
        if self.crossed:
            first, second = divmod(row, len(self.second))
            return self.first[first], self.second[second]
        return self.first[row], self.second[row]

    def sample(self, most: int, seed: int = 0) -> tuple[Array, Array]:
        """Distances and `same` of the pairs of `sample_rows`."""
        rows = self.sample_rows(most, seed)
        return self.distances[rows], self.same[rows]

    def sample_rows(self, most: int, seed: int = 0) -> Array:
        """Which pairs are genuine and, drawn by a seed, `most` of the impostors: int [m]."""
        impostors = np.flatnonzero(~self.same)
        if len(impostors) > most:
            impostors = np.random.default_rng(seed).choice(impostors, most, replace=False)
        return np.concatenate([np.flatnonzero(self.same), impostors])

    def only(self, chosen: Array) -> Trials:
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


def listed_trials(
    predictions: Predictions, pairs: Sequence[Pair], by: Optional[str] = None
) -> Trials:
    """Scores listed pairs of images that there are answers for, see `compared_by` for `by`."""
    row = {path: i for i, path in enumerate(predictions.paths)}
    embedding = predictions.compared_by(by)
    first = np.array([row[pair.first] for pair in pairs], int)
    second = np.array([row[pair.second] for pair in pairs], int)
    return Trials(
        squared_distances(embedding[first], embedding[second]),
        np.array([pair.same for pair in pairs], bool),
        [pair.first for pair in pairs],
        [pair.second for pair in pairs],
        predictions.labels[first],
    )


def crossed_trials(predictions: Predictions, by: Optional[str] = None) -> Trials:
    """Scores every caricature against every photo, see `compared_by` for `by`."""
    caricatures = np.flatnonzero(predictions.is_caricature)
    photos = np.flatnonzero(~predictions.is_caricature)
    embedding, labels = predictions.compared_by(by), predictions.labels
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
        second_subjects=labels[photos],
    )


def photo_trials(predictions: Predictions, *, most: Optional[int] = None, seed: int = 0) -> Trials:
    """Scores every photo against every other one, each pair once; the pairs have no names.

    Args:
        predictions: Whose photos.
        most: How many photos take part, drawn by the seed; None for all.
        seed: Decides the draw.
    """
    photos = predictions.only(~predictions.is_caricature)
    if most is not None and len(photos.paths) > most:
        drawn = np.random.default_rng(seed).choice(len(photos.paths), most, replace=False)
        photos = photos.only(np.sort(drawn))
    embedding, labels = photos.compared, photos.labels.astype(np.int32)
    distances, row = [np.zeros(0, np.float32)], 0
    for block in distance_blocks(embedding, embedding):
        distances += [each[: row + i] for i, each in enumerate(block)]
        row += len(block)
    first, second = (labels[rows] for rows in np.tril_indices(len(labels), -1))
    return Trials(np.concatenate(distances), first == second, (), (), first, second_subjects=second)
