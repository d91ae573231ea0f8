"""One fold's metrics: what every protocol reports, from scored pairs, heads and galleries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import ProbeSearch
from cari_keras.errors import DatasetError
from cari_keras.evaluation.allpairs import distance_blocks
from cari_keras.evaluation.curves import (
    OperatingPoint,
    eer,
    operating_point,
    tar_at_far,
    threshold_at_far,
)
from cari_keras.evaluation.growth import GrowthPoint
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.probability import ReliabilityBin
from cari_keras.evaluation.probes import Probe, probes_of
from cari_keras.evaluation.ranking import found_within
from cari_keras.evaluation.trials import Trials
from cari_keras.evaluation.verification import (
    accuracy,
    auc,
    best_threshold,
    cross_validated_accuracy,
)
from cari_keras.vocabulary import CARICATURE, PHOTO

#: The name of a gallery that is the only one.
GALLERY = "gallery"

#: The false acceptance rates that are reported, as WebCaricature's protocol asks.
FARS = (0.001, 0.01)


class FarPoint(NamedTuple):
    """The operating point for one FAR.

    Attributes:
        far: The FAR asked for.
        own: Whether the threshold was taken from the very pairs it is judged on: a point of their
            ROC curve, rather than what a system set up beforehand would give.
        point: What came out.
        chosen_on: The number of impostor pairs that the threshold was taken from.
    """

    far: float
    own: bool
    point: OperatingPoint
    chosen_on: int

    @property
    def met(self) -> bool:
        """Whether the pairs that the threshold was taken from can tell the FAR from zero."""
        return round(self.chosen_on * self.far, 12) >= 1

    @property
    def resolved(self) -> bool:
        """Whether the FAR can be told from zero, where it was asked for and where it is met."""
        return self.point.resolved and self.met


@dataclass(frozen=True)
class FoldScores:
    """What one fold of a protocol gave.

    Attributes:
        name: The fold: `"dev"`, `"1"`, ...; or the split's name where there is only one.
        metrics: Name -> metric, shares in [0, 1]; NaN where a class has no pair.
        points: Operating points for `FARS`.
        trials: The pairs behind the metrics, None without verification.
        thresholds: float [n] or scalar: up to which distance each pair is accepted; None where the
            protocol takes none.
        cmcs: Gallery's name -> CMC curve.
        counts: What there was, by name: images, pairs, probes.
        hits: Metric -> each probe's share in it, and its label; see `Identified`.
        named: Gallery's name -> who is shown and who is nearest; see `Identified`.
        reliability: What is observed of pairs by their probability, which other pairs gave.
        probes: Gallery's name -> every search in it; see `Identified`.
        growth: Modality -> FPIR and FNIR of galleries that grow.
        people: Names of its people by label, where they are not the outcome's: each fold of people
            never seen has labels of its own.
    """

    name: str
    metrics: dict[str, float]
    points: tuple[FarPoint, ...] = ()
    trials: Optional[Trials] = None
    thresholds: Optional[Array] = None
    cmcs: Mapping[str, Array] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    hits: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    named: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    reliability: Sequence[ReliabilityBin] = ()
    probes: Mapping[str, Sequence[Probe]] = field(default_factory=dict)
    growth: Mapping[str, Sequence[GrowthPoint]] = field(default_factory=dict)
    people: tuple[str, ...] = ()

    def with_counts(self, counts: Mapping[str, int]) -> FoldScores:
        """The same with further counts before its own."""
        return replace(self, counts={**counts, **self.counts})


class Verified(NamedTuple):
    """Verification's part of a fold, named as there."""

    metrics: dict[str, float]
    points: tuple[FarPoint, ...]
    thresholds: Optional[Array]


def verify(
    trials: Trials,
    chosen_on: Optional[Trials] = None,
    *,
    with_accuracy: bool = True,
    with_balanced: bool = False,
) -> Verified:
    """Verification metrics of some pairs.

    Args:
        trials: The pairs to judge.
        chosen_on: Other pairs, from which thresholds are taken. None takes the accuracy's by
            two-fold cross-validation over the identities of these pairs, and those for `FARS` from
            these pairs themselves.
        with_accuracy: Off where nearly all pairs are impostors, so that accuracy says nothing.
        with_balanced: Whether to judge genuine and impostor pairs apart, at the threshold of
            `chosen_on` at which the mean of TAR and 1 - FAR is highest.

    Returns:
        Metrics `verification_accuracy`, `verification_auc`, `verification_eer`, for each FAR
        `tar_at_far_<far>` on these pairs' own ROC and, with `chosen_on`, `val_at_far_<far>` with
        the threshold from there and `far_achieved_<far>`, what it gave here; `genuine_accuracy` and
        `impostor_accuracy`. Of pairs of one kind alone, the first three as NaN and nothing else.

    Raises:
        DatasetError: `chosen_on` holds no pair.
    """
    distances, same = trials.distances, trials.same
    metrics, points = {}, []
    thresholds: Optional[Array] = None
    if chosen_on is not None and not len(chosen_on.same):
        raise DatasetError("no pairs to take thresholds from: all are of the fold to evaluate")
    if not trials.both_kinds:  # an accuracy or a rate of one kind alone says nothing
        names = ["verification_accuracy"] if with_accuracy and len(distances) else []
        names += ["verification_auc", "verification_eer"]
        return Verified(dict.fromkeys(names, math.nan), (), None)
    if with_accuracy:
        if chosen_on is not None:
            thresholds = np.full(
                len(distances), best_threshold(chosen_on.distances, chosen_on.same)
            )
            metrics["verification_accuracy"] = accuracy(distances, same, thresholds[0])
        else:
            found = cross_validated_accuracy(distances, same, trials.subjects)
            metrics["verification_accuracy"] = found.accuracy
            thresholds = found.per_pair
    metrics["verification_auc"] = auc(distances, same)
    metrics["verification_eer"] = eer(distances, same)
    if with_balanced and chosen_on is not None and not chosen_on.same.all():
        threshold = best_threshold(chosen_on.distances, chosen_on.same, balanced=True)
        balanced = operating_point(distances, same, threshold)
        metrics["genuine_accuracy"] = balanced.tar
        metrics["impostor_accuracy"] = 1.0 - balanced.far
    impostors = int(np.sum(~same))
    behind = 0 if chosen_on is None else int(np.sum(~chosen_on.same))
    for far in FARS:
        points.append(FarPoint(far, True, tar_at_far(distances, same, far), impostors))
        metrics[f"tar_at_far_{far}"] = points[-1].point.tar
        if chosen_on is not None and not chosen_on.same.all():
            threshold = threshold_at_far(chosen_on.distances, chosen_on.same, far)
            found_here = operating_point(distances, same, threshold, far)
            points.append(FarPoint(far, False, found_here, behind))
            metrics[f"val_at_far_{far}"] = points[-1].point.tar
            metrics[f"far_achieved_{far}"] = points[-1].point.far
    if thresholds is None:  # the pictures of errors show those at the highest FAR
        thresholds = np.full(len(distances), points[-1].point.threshold)
    return Verified(metrics, tuple(points), thresholds)


class Identified(NamedTuple):
    """Identification's part of a fold.

    Attributes:
        metrics: `<gallery>_rank_<k>`.
        cmcs: Gallery's name -> CMC curve.
        counts: As in `FoldScores`.
        hits: Metric -> each probe's share in it, float64 [p] in [0, 1], and its label, int [p].
        named: Gallery's name -> the probes' labels, and those of the images nearest to them, int
            [p].
        probes: Gallery's name -> every search in it; of galleries that are drawn, each by itself.
    """

    metrics: dict[str, float]
    cmcs: dict[str, Array]
    counts: dict[str, int]
    hits: dict[str, tuple[Array, Array]]
    named: dict[str, tuple[Array, Array]]
    probes: dict[str, list[Probe]]


def identification_fold(name: str, found: Identified, counts: Mapping[str, int] = {}) -> FoldScores:
    """A fold of identification alone; `counts` go before its own."""
    return FoldScores(
        name,
        found.metrics,
        cmcs=found.cmcs,
        counts={**counts, **found.counts},
        hits=found.hits,
        named=found.named,
        probes=found.probes,
    )


def identify(
    predictions: Predictions, galleries: Mapping[str, ProbeSearch], ranks: Sequence[int] = (1, 10)
) -> Identified:
    """Identification in galleries.

    Probes and gallery images that there is no answer for are left out; so are probes whose person
    the gallery does not hold, each counted.
    """
    metrics: dict[str, float] = {}
    curves: dict[str, Array] = {}
    counts: dict[str, int] = {}
    hits: dict[str, tuple[Array, Array]] = {}
    named: dict[str, tuple[Array, Array]] = {}
    probes: dict[str, list[Probe]] = {}
    row = {path: i for i, path in enumerate(predictions.paths)}
    embedding, labels = predictions.compared, predictions.labels
    for name, (gallery, looked_for) in galleries.items():
        shelf = np.array([row[path] for path in gallery if path in row], int)
        asked = np.array([row[path] for path in looked_for if path in row], int)
        there = np.isin(labels[asked], labels[shelf])
        # A gallery of no other name is called just that.
        of = "" if name == GALLERY else f"{name} "
        counts[f"{of}gallery images"] = len(shelf)
        counts[f"{of}probes"] = int(there.sum())
        lost = len(looked_for) - int(there.sum())
        if lost:
            counts[f"{of}probes left out: no image, or nobody like them in the gallery"] = lost
        asked = asked[there]
        if not len(asked):
            continue
        blocks = distance_blocks(embedding[asked], embedding[shelf])
        distances = np.concatenate(list(blocks))
        within = found_within(distances, labels[asked], labels[shelf])
        nearest = np.argmin(distances, axis=1)
        named[name] = labels[asked], labels[shelf][nearest]
        probes[name] = probes_of(predictions, asked, shelf, distances, nearest, within)
        curves[name] = within.mean(axis=1)
        counts[f"{of}gallery people"] = len(within)
        for k in ranks:
            metric = f"{name.lower()}_rank_{k}"
            hits[metric] = within[min(k, len(within)) - 1], labels[asked]
            metrics[metric] = float(hits[metric][0].mean())
    return Identified(metrics, curves, counts, hits, named, probes)


#: How many galleries are drawn.
DRAWS = 20


def identify_drawn(
    predictions: Predictions, *, draws: int = DRAWS, seed: int = 0, ranks: Sequence[int] = (1, 10)
) -> Identified:
    """Identification in galleries of one image of each person: the mean over seeded draws.

    `C2P` looks for all caricatures among photos, `P2C` for all photos among caricatures. People
    take part who have images of both modalities.
    """
    rng = np.random.default_rng(seed)
    found: list[Identified] = []
    for _ in range(draws):
        galleries = {}
        for name, in_gallery in (("C2P", PHOTO), ("P2C", CARICATURE)):
            shelf = predictions.is_caricature == (in_gallery == CARICATURE)
            people = np.intersect1d(predictions.labels[shelf], predictions.labels[~shelf])
            drawn = [
                rng.choice(np.flatnonzero(shelf & (predictions.labels == one))) for one in people
            ]
            asked = np.flatnonzero(~shelf & np.isin(predictions.labels, people))
            if len(people):
                gallery, probes = (
                    tuple(predictions.paths[int(row)] for row in rows) for rows in (drawn, asked)
                )
                galleries[name] = ProbeSearch(gallery, probes)
        found.append(identify(predictions, galleries, ranks))
    first = found[0]
    hits = {
        metric: (np.mean([each.hits[metric][0] for each in found], axis=0), labels)
        for metric, (_, labels) in first.hits.items()
    }
    return Identified(
        {metric: float(values.mean()) for metric, (values, _) in hits.items()},
        {name: np.mean([each.cmcs[name] for each in found], axis=0) for name in first.cmcs},
        first.counts,
        hits,
        first.named,
        {
            f"{name}, draw {k}": searches
            for k, each in enumerate(found, 1)
            for name, searches in each.probes.items()
        },
    )
