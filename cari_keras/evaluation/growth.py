"""FPIR and FNIR as a gallery grows, on people of whom some are left out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.evaluation.open_set import FPIR
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.templates import people_of, threshold_of
from cari_keras.vocabulary import CARICATURE, MODALITIES

#: How often people are dealt to gallery and strangers for a curve.
DEALS = 20

#: People of the galleries of a curve; the same for folds of any number of people, so that there is
#: a mean over them.
SIZES = (3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450, 700, 1000)


class GrowthPoint(NamedTuple):
    """A gallery of some size; shares in [0, 1].

    Attributes:
        people: How many people are in it.
        threshold: By the rule of `evaluation.templates`, a squared distance.
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
    asked: Optional[Array] = None,
    fpir: Optional[float] = None,
    seed: int = 0,
) -> list[GrowthPoint]:
    """Galleries of some of the people, asked about faces of the same people and of strangers.

    A half of the people, by chance, are strangers: in no gallery, and no threshold is taken from
    them. Each gallery holds the one before it.

    Args:
        embeddings: Faces, float32 [n, d] of unit norm.
        identities: Whose they are, [n].
        sizes: People of each gallery, rising.
        asked: Which faces are asked about, bool [n]; templates are of all. None: all of them.
        fpir: See `templates.threshold_of`.
        seed: Of the choice.

    Raises:
        ConfigError: There are too few people, or faces for a threshold.
    """
    asked = np.ones(len(embeddings), bool) if asked is None else asked
    names = np.random.default_rng(seed).permutation(np.unique(identities))
    strangers = embeddings[asked & np.isin(identities, names[: len(names) // 2])]
    known = names[len(names) // 2 :]
    if not sizes or max(sizes) > len(known):
        raise ConfigError(
            f"{len(names)} people give galleries of at most {len(known)} people; the "
            "others are strangers"
        )
    if not len(strangers):
        raise ConfigError("no face of a stranger is asked about")
    points: list[GrowthPoint] = []
    for size in sizes:
        chosen = np.isin(identities, known[:size])
        people = people_of(embeddings[chosen], identities[chosen])
        probes = chosen & asked
        measured = threshold_of(people, embeddings[probes], identities[probes], fpir)
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


def growth_of(
    predictions: Predictions, *, deals: int = DEALS, fpir: float = FPIR
) -> dict[str, list[GrowthPoint]]:
    """The growth of a gallery of both modalities, for faces of each modality: the mean of deals.

    Sizes are those of `SIZES` up to half of the people. A size that is too small to tell the FPIR
    in every deal is left out, and so is a modality without any size.

    Args:
        predictions: Answers of a network that has not seen these people.
        deals: How often people are dealt to gallery and strangers, by the seeds 0, 1, ...
        fpir: The share of strangers' faces that each threshold is to let pass, in (0, 1].

    Returns:
        Modality -> points, the smallest gallery first.
    """
    embeddings, labels = predictions.compared, predictions.labels
    people = len(np.unique(labels))
    found: dict[str, list[GrowthPoint]] = {}
    for modality in MODALITIES:
        asked = predictions.is_caricature == (modality == CARICATURE)
        sizes = [size for size in SIZES if size <= people - people // 2]
        while sizes:
            try:
                each = [
                    growth(embeddings, labels, sizes, asked=asked, fpir=fpir, seed=seed)
                    for seed in range(deals)
                ]
            except ConfigError:  # of the smallest gallery; a larger one may be large enough
                sizes = sizes[1:]
                continue
            found[modality] = [_mean(points) for points in zip(*each)]
            break
    return found


def over_folds(
    folds: Sequence[Mapping[str, Sequence[GrowthPoint]]],
) -> dict[str, list[GrowthPoint]]:
    """The mean over folds, of the sizes that every fold has.

    Args:
        folds: Of each fold, what `growth_of` gave.
    """
    found: dict[str, list[GrowthPoint]] = {}
    for modality in MODALITIES:
        each = [{point.people: point for point in fold.get(modality, ())} for fold in folds]
        shared = sorted(set.intersection(*(set(points) for points in each))) if each else []
        if shared:
            found[modality] = [_mean([points[size] for points in each]) for size in shared]
    return found


def _mean(points: Sequence[GrowthPoint]) -> GrowthPoint:
    missed = [point.fnir for point in points if point.fnir is not None]
    return GrowthPoint(
        points[0].people,
        float(np.mean([point.threshold for point in points])),
        float(np.mean([point.fpir for point in points])),
        float(np.mean(missed)) if missed else None,
        float(np.mean([point.fpir_fixed for point in points])),
    )
