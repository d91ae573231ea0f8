"""Intervals of metrics over all pairs of some people, by drawing the people anew.

With millions of pairs each draw would take as long as the evaluation; a draw of histograms takes
no longer than the histograms are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.resampling import Interval
from cari_keras.evaluation.trials import Trials

#: Distances between which pairs are not told apart, of each kind of pairs.
EDGES = 128

#: Beyond it the histograms of every two people would fill the memory.
MOST_PEOPLE = 300

#: So many pairs are drawn as they are, where the people are too many for histograms.
MOST_PAIRS = 1_000_000


class CrossedPairs(NamedTuple):
    """All pairs of some people's images, counted so that people can be drawn from them quickly.

    The distances are sorted into bins, so a draw of people is a sum of histograms. The bins' edges
    are quantiles of the impostor pairs, the closer the smaller the FAR, and of the genuine pairs.

    Attributes:
        genuine: float32 [P, bins], each person's genuine pairs.
        impostor: float32 [P x P, bins], the impostor pairs of every two people.
    """

    genuine: Array
    impostor: Array

    @staticmethod
    def of(trials: Trials) -> Optional[CrossedPairs]:
        """From trials that know both subjects of their pairs.

        Returns:
            None for pairs of one kind alone, and of more than `MOST_PEOPLE` people.
        """
        count, first, second = _places(trials)
        same = trials.same
        if count > MOST_PEOPLE or not trials.both_kinds:
            return None
        edges = np.unique(
            np.concatenate(
                [
                    np.quantile(trials.distances[~same], np.logspace(-5, 0, EDGES)),
                    np.quantile(trials.distances[same], np.linspace(0, 1, EDGES)),
                    [trials.distances.max()],
                ]
            )
        )
        bins = len(edges)
        bin_of = np.searchsorted(edges, trials.distances).clip(max=bins - 1)
        cells = (first * count + second) * bins + bin_of
        tally = np.bincount(cells, minlength=count * count * bins).reshape(count * count, bins)
        own = np.arange(count) * (count + 1)
        genuine = tally[own].astype(np.float32)
        impostor = tally.astype(np.float32)
        impostor[own] = 0.0
        return CrossedPairs(genuine, impostor)

    @property
    def people(self) -> int:
        """P."""
        return len(self.genuine)

    def draw(self, times: Array) -> tuple[Array, Array]:
        """Cumulative TAR and FAR over the bins, where each person was drawn so many times: [P].

        A person's copies are not compared with each other: their pairs would be neither genuine
        pairs of two images nor impostors.
        """
        genuine = np.cumsum(times @ self.genuine)
        impostor = np.cumsum(np.outer(times, times).reshape(-1) @ self.impostor)
        with np.errstate(invalid="ignore"):
            return genuine / genuine[-1], impostor / impostor[-1]


class SortedPairs(NamedTuple):
    """All pairs of many people with few images each, by distance.

    Attributes:
        people: P.
        first: int [n], the person of each pair's first image, from 0.
        second: int [n], that of its second image.
        ends: int [m], the last pair of each distinct distance.
    """

    people: int
    first: Array
    second: Array
    ends: Array

    @staticmethod
    def of(trials: Trials) -> Optional[SortedPairs]:
        """From trials that know both subjects; None for one kind, or more than `MOST_PAIRS`."""
        if len(trials.same) > MOST_PAIRS or not trials.both_kinds:
            return None
        count, first, second = _places(trials)
        order = np.argsort(trials.distances, kind="stable")
        steps = np.diff(trials.distances[order], append=np.inf)
        return SortedPairs(count, first[order], second[order], np.flatnonzero(steps > 0))

    def draw(self, times: Array) -> tuple[Array, Array]:
        """As `CrossedPairs.draw`, at each distinct distance."""
        own, other = times[self.first], times[self.second]
        same = self.first == self.second
        genuine = np.cumsum(np.where(same, own, 0), dtype=np.float64)[self.ends]
        impostor = np.cumsum(np.where(same, 0, own * other), dtype=np.float64)[self.ends]
        with np.errstate(invalid="ignore"):
            return genuine / genuine[-1], impostor / impostor[-1]


#: What people are drawn from.
DrawnPairs = Union[CrossedPairs, SortedPairs]


def pairs_to_draw_from(trials: Trials) -> Optional[DrawnPairs]:
    """Histograms where the people are few, else the pairs themselves; None where both are many."""
    return CrossedPairs.of(trials) or SortedPairs.of(trials)


def _places(trials: Trials) -> tuple[int, Array, Array]:
    """How many people there are, and of each pair the numbers of its two people, from 0."""
    people, place = np.unique(
        np.concatenate([trials.subjects, trials.other_subjects]), return_inverse=True
    )
    first, second = np.split(place, 2)
    return len(people), first, second


def interval_over_folds(
    folds: Sequence[DrawnPairs],
    fars: Sequence[float],
    *,
    level: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile bootstrap over identities of the mean over folds, people drawn within each.

    Args:
        folds: Their pairs.
        fars: The FARs of TAR, read off each draw's own ROC curve.
        level: In (0, 1).
        resamples: How many times people are drawn.
        seed: Decides the draws.

    Returns:
        Intervals of `verification_auc`, `verification_eer` and `tar_at_far_<far>`.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[list[float]]] = {}
    for _ in range(resamples):
        one: dict[str, list[float]] = {}
        for fold in folds:
            count = fold.people
            times = np.bincount(rng.integers(0, count, count), minlength=count)
            tar, far = fold.draw(times.astype(np.float32))
            one.setdefault("verification_auc", []).append(_area(far, tar))
            gap = np.argmax(far >= 1 - tar)
            one.setdefault("verification_eer", []).append(float((far[gap] + 1 - tar[gap]) / 2))
            for wanted in fars:
                one.setdefault(f"tar_at_far_{wanted}", []).append(_tar_at(tar, far, wanted))
        for name, values in one.items():
            drawn.setdefault(name, []).append(values)
    found = {}
    for name, rows in drawn.items():
        means = np.mean(rows, axis=1)
        means = means[~np.isnan(means)]
        if len(means):
            low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
            found[name] = Interval(float(low), float(high), level, len(means))
    return found


def _area(far: Array, tar: Array) -> float:
    """Under a curve of points that rise, by trapezoids from (0, 0)."""
    far, tar = np.append(0.0, far), np.append(0.0, tar)
    return float(np.sum(np.diff(far) * (tar[1:] + tar[:-1]) / 2))


def _tar_at(tar: Array, far: Array, wanted: float) -> float:
    """NaN where a draw has no pair of a kind."""
    if np.isnan([tar[-1], far[-1]]).any():
        return float("nan")
    last = np.searchsorted(far, wanted, side="right") - 1
    return float(tar[last]) if last >= 0 else 0.0
