"""One fold's figures: what every protocol reports, from scored pairs, heads and galleries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.data.base import Gallery
from cari_keras.errors import DatasetError
from cari_keras.evaluation.allpairs import distance_blocks
from cari_keras.evaluation.curves import (
    OperatingPoint,
    eer,
    operating_point,
    tar_at_far,
    threshold_at_far,
)
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.ranking import found_within
from cari_keras.evaluation.trials import Trials
from cari_keras.evaluation.verification import (
    accuracy,
    auc,
    best_threshold,
    cross_validated_accuracy,
)

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
class Fold:
    """What one fold of a protocol gave.

    Attributes:
        name: The fold: `"dev"`, `"1"`, ...; or the split's name where there is only one.
        figures: Name -> figure, shares in [0, 1]; NaN where a class has no pair.
        points: Operating points for `FARS`.
        trials: The pairs behind the figures, None without verification.
        thresholds: float [n] or scalar: up to which distance each pair is accepted; None where the
            protocol takes none.
        cmcs: Gallery -> CMC curve.
        counts: What there was, by name: images, pairs, probes.
        hits: Figure -> each probe's share in it, and its label; see `Identified`.
        named: Gallery -> who is shown and who is nearest; see `Identified`.
    """

    name: str
    figures: dict[str, float]
    points: tuple[FarPoint, ...] = ()
    trials: Optional[Trials] = None
    thresholds: Optional[np.ndarray] = None
    cmcs: Mapping[str, np.ndarray] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    hits: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    named: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


class Verified(NamedTuple):
    """Verification's part of a fold, named as there."""

    figures: dict[str, float]
    points: tuple[FarPoint, ...]
    thresholds: Optional[np.ndarray]


def verify(
    trials: Trials, chosen_on: Optional[Trials] = None, *, with_accuracy: bool = True
) -> Verified:
    """Verification figures of some pairs.

    Args:
        trials: The pairs to judge.
        chosen_on: Other pairs, from which thresholds are taken. None takes the accuracy's by
            two-fold cross-validation over the identities of these pairs, and those for `FARS` from
            these pairs themselves.
        with_accuracy: Off where nearly all pairs are impostors, so that accuracy says nothing.

    Returns:
        Figures `verification_accuracy`, `verification_auc`, `verification_eer`, for each FAR
        `tar_at_far_<far>` on these pairs' own ROC and, with `chosen_on`, `val_at_far_<far>` with
        the threshold from there and `far_achieved_<far>`, what it gave here.

    Raises:
        DatasetError: `chosen_on` holds no pair.
    """
    distances, same = trials.distances, trials.same
    figures, points = {}, []
    thresholds: Optional[np.ndarray] = None
    if chosen_on is not None and not len(chosen_on.same):
        raise DatasetError("no pairs to take thresholds from: all are of the fold to judge")
    if with_accuracy and len(distances):
        if chosen_on is not None:
            thresholds = np.full(
                len(distances), best_threshold(chosen_on.distances, chosen_on.same)
            )
            figures["verification_accuracy"] = accuracy(distances, same, thresholds[0])
        else:
            found = cross_validated_accuracy(distances, same, trials.subjects)
            figures["verification_accuracy"] = found.accuracy
            thresholds = found.per_pair
    figures["verification_auc"] = auc(distances, same)
    figures["verification_eer"] = eer(distances, same)
    if same.all():
        return Verified(figures, (), thresholds)  # without impostors there is no FAR
    impostors = int(np.sum(~same))
    behind = 0 if chosen_on is None else int(np.sum(~chosen_on.same))
    for far in FARS:
        points.append(FarPoint(far, True, tar_at_far(distances, same, far), impostors))
        figures[f"tar_at_far_{far}"] = points[-1].point.tar
        if chosen_on is not None and not chosen_on.same.all():
            threshold = threshold_at_far(chosen_on.distances, chosen_on.same, far)
            found_here = operating_point(distances, same, threshold, far)
            points.append(FarPoint(far, False, found_here, behind))
            figures[f"val_at_far_{far}"] = points[-1].point.tar
            figures[f"far_achieved_{far}"] = points[-1].point.far
    if thresholds is None:  # the pictures of errors show those at the highest FAR
        thresholds = np.full(len(distances), points[-1].point.threshold)
    return Verified(figures, tuple(points), thresholds)


class Identified(NamedTuple):
    """Identification's part of a fold.

    Attributes:
        figures: `<gallery>_rank_<k>`.
        cmcs: Gallery -> CMC curve.
        counts: As in `Fold`.
        hits: Figure -> each probe's share in it, float64 [p] in [0, 1], and its label, int [p].
        named: Gallery -> the probes' labels and those of the images nearest to them, int [p].
    """

    figures: dict[str, float]
    cmcs: dict[str, np.ndarray]
    counts: dict[str, int]
    hits: dict[str, tuple[np.ndarray, np.ndarray]]
    named: dict[str, tuple[np.ndarray, np.ndarray]]


def identification_fold(name: str, found: Identified, counts: Mapping[str, int] = {}) -> Fold:
    """A fold of identification alone; `counts` go before its own."""
    return Fold(
        name,
        found.figures,
        cmcs=found.cmcs,
        counts={**counts, **found.counts},
        hits=found.hits,
        named=found.named,
    )


def identify(
    predictions: Predictions, galleries: Mapping[str, Gallery], ranks: Sequence[int] = (1, 10)
) -> Identified:
    """Identification in galleries.

    Probes and gallery images that there is no answer for are left out; so are probes whose person
    the gallery does not hold, each counted.
    """
    figures: dict[str, float] = {}
    curves: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    hits: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    named: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    row = {path: i for i, path in enumerate(predictions.paths)}
    embedding, labels = predictions.compared, predictions.labels
    for name, (gallery, probes) in galleries.items():
        shelf = np.array([row[path] for path in gallery if path in row], int)
        asked = np.array([row[path] for path in probes if path in row], int)
        there = np.isin(labels[asked], labels[shelf])
        counts[f"{name} gallery images"] = len(shelf)
        counts[f"{name} probes"] = int(there.sum())
        lost = len(probes) - int(there.sum())
        if lost:
            counts[f"{name} probes left out: no image, or nobody like them in the gallery"] = lost
        asked = asked[there]
        if not len(asked):
            continue
        blocks = distance_blocks(embedding[asked], embedding[shelf])
        distances = np.concatenate(list(blocks))
        within = found_within(distances, labels[asked], labels[shelf])
        named[name] = labels[asked], labels[shelf][np.argmin(distances, axis=1)]
        curves[name] = within.mean(axis=1)
        counts[f"{name} gallery people"] = len(within)
        for k in ranks:
            figure = f"{name.lower()}_rank_{k}"
            hits[figure] = within[min(k, len(within)) - 1], labels[asked]
            figures[figure] = float(hits[figure][0].mean())
    return Identified(figures, curves, counts, hits, named)
