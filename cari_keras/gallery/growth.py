"""What becomes of FPIR and FNIR as a gallery grows, on people of whom some are left out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import GalleryError
from cari_keras.gallery.people import people_of, threshold_of


class GrowthPoint(NamedTuple):
    """A gallery of some size; shares in [0, 1].

    Attributes:
        people: How many people are in it.
        threshold: By the rule of `gallery.people`, a squared distance.
        fpir: Share of the strangers' faces that are taken for somebody by it.
        fnir: Share of known people's faces that are taken for nobody or for somebody else by it;
            None where nobody has several faces.
        fpir_fixed: As `fpir`, by the threshold of the smallest gallery.
    """

    people: int
    threshold: float
    fpir: float
    fnir: Optional[float]
    fpir_fixed: float


def growth(
    embeddings: Array,
    identities: Array,
    sizes: Sequence[int],
    *,
    fpir: Optional[float] = None,
    seed: int = 0,
) -> list[GrowthPoint]:
    """Galleries of some of the people, asked about faces of the same people and of strangers.

    A half of the people, by chance, are strangers: in no gallery, and no threshold is taken from
    them. Each gallery holds the one before it.

    Args:
        embeddings: Faces of one modality, float32 [n, d] of unit norm.
        identities: Whose they are, [n].
        sizes: People of each gallery, rising.
        fpir: See `people.threshold_of`.
        seed: Of the choice.

    Raises:
        GalleryError: There are too few people, or faces for a threshold.
    """
    names = np.random.default_rng(seed).permutation(np.unique(identities))
    strangers = embeddings[np.isin(identities, names[: len(names) // 2])]
    known = names[len(names) // 2 :]
    if not sizes or max(sizes) > len(known):
        raise GalleryError(
            f"{len(names)} people give galleries of {len(known)} at most; the others are strangers"
        )
    points: list[GrowthPoint] = []
    for size in sizes:
        chosen = np.isin(identities, known[:size])
        people = people_of(embeddings[chosen], identities[chosen])
        measured = threshold_of(people, embeddings[chosen], identities[chosen], fpir)
        nearest = people.nearest(strangers, 1).distances[:, 0]
        threshold = -measured.threshold
        fixed = points[0].threshold if points else threshold
        points.append(
            GrowthPoint(
                size,
                threshold,
                float(np.mean(nearest <= threshold)),
                measured.fnir,
                float(np.mean(nearest <= fixed)),
            )
        )
    return points
