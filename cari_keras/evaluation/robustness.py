"""Verification by groups of pictures: styles of drawing, sizes of face, poses, detector's looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.curves import operating_point, threshold_at_far
from cari_keras.evaluation.trials import Trials
from cari_keras.evaluation.verification import auc
from cari_keras.records.traits import Trait
from cari_keras.vocabulary import CARICATURE, PHOTO

#: All groups are judged by the threshold that has this FAR over all pairs.
FAR = 0.01

#: Impostor pairs that are looked at, at most, drawn by a seed.
MOST_IMPOSTORS = 1_000_000

#: Images that a group has at least to be told: fewer say nothing.
LEAST_IMAGES = 5


class GroupScore(NamedTuple):
    """How a group of pictures is verified.

    Attributes:
        trait: What sorts the pictures.
        modality: Whose pictures are sorted; `""` where both pictures of a pair are of one modality.
        group: Which.
        images: The number of its pictures in the pairs.
        genuine: The number of its genuine pairs.
        impostors: The number of its impostor pairs.
        auc: Of its pairs; NaN where a kind is missing.
        tar: At the threshold whose FAR over all pairs is `FAR`; NaN without genuine pairs.
        far: Of its own impostor pairs at that threshold; NaN without any.
    """

    trait: str
    modality: str
    group: str
    images: int
    genuine: int
    impostors: int
    auc: float
    tar: float
    far: float


class _Side(NamedTuple):
    """The first or the second pictures of the pairs: their paths, and each pair's place in them."""

    paths: Sequence[str]
    places: Array


def group_scores(
    trials: Trials, traits: Sequence[Trait], caricatures: Mapping[str, bool]
) -> list[GroupScore]:
    """Verification of each trait's groups.

    Where pairs are of a caricature and a photo, the caricatures and the photos are sorted one after
    the other. Where both pictures are of one modality, a pair counts in the groups of both.

    Args:
        trials: The pairs.
        traits: What sorts their pictures.
        caricatures: From a picture's path to whether it is a caricature.

    Returns:
        The groups of `LEAST_IMAGES` pictures or more, of traits that have two of them. Nothing
        where the pairs have no names or are of one kind.
    """
    if not len(trials.first) or not trials.both_kinds:
        return []
    rows = trials.sample_rows(MOST_IMPOSTORS)
    distances, same = trials.distances[rows], trials.same[rows]
    threshold = threshold_at_far(distances, same, FAR)
    places = np.divmod(rows, len(trials.second)) if trials.crossed else (rows, rows)
    both = [_Side(trials.first, places[0]), _Side(trials.second, places[1])]
    kinds = [{caricatures[path] for path in side.paths} for side in both]
    sorted_by = {"": both}
    if kinds == [{True}, {False}]:
        sorted_by = {CARICATURE: both[:1], PHOTO: both[1:]}
    found = []
    for trait in traits:
        for modality, sides in sorted_by.items():
            scores = []
            for group in trait.groups:
                members, mask = _of_group(trait, group, sides)
                if members >= LEAST_IMAGES:
                    name = (trait.name, modality, group, members)
                    scores.append(_score(name, distances[mask], same[mask], threshold))
            found += scores if len(scores) > 1 else []
    return found


def _of_group(trait: Trait, group: str, sides: Sequence[_Side]) -> tuple[int, Array]:
    """How many pictures of the sides are in a group, and which pairs have one of them: bool [n]."""
    inside = [np.array([trait.of.get(path) == group for path in s.paths], bool) for s in sides]
    pictures = {path for side, yes in zip(sides, inside) for path, k in zip(side.paths, yes) if k}
    return len(pictures), np.any([yes[s.places] for s, yes in zip(sides, inside)], axis=0)


def _score(
    name: tuple[str, str, str, int], distances: Array, same: Array, threshold: float
) -> GroupScore:
    point = operating_point(distances, same, threshold, FAR)
    return GroupScore(
        *name,
        genuine=int(same.sum()),
        impostors=point.impostors,
        auc=auc(distances, same),
        tar=point.tar,
        far=point.far,
    )
