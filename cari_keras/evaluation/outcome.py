"""What an evaluation found, whatever its protocol: the report and results.json are made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Optional

import numpy as np

from cari_keras.data.base import Dataset
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.resampling import Interval
from cari_keras.evaluation.robustness import GroupScore, group_scores
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.evaluation.trials import Trials
from cari_keras.wording import counted


class OverFolds(NamedTuple):
    """A metric over the folds.

    Attributes:
        mean: Over the folds that have it.
        std: Standard deviation over them, of the population, as the published tables give it; None
            where fewer than two folds have the metric.
        folds: Its value in each.
    """

    mean: float
    std: Optional[float]
    folds: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """An evaluation.

    Attributes:
        title: For people: dataset, split, protocol.
        slug: For file names.
        matcher: The network; with one network per fold, the first fold's.
        folds: What each fold gave.
        dataset: Where pictures are read; the first fold's.
        predictions: Answers for the evaluated images; the first fold's.
        people: Names of the people by label.
        table: The published table to print beside, a key of `published.TABLES`, or None.
        notes: How it was done and what was left out, a sentence each.
        intervals: Metric -> 95 % interval by bootstrap over identities: of a single fold, or of the
            mean over all of them.
        legacy: The published code's arithmetic, where it was asked for.
        baselines: Other networks' outcomes on the same folds by name, to be shown beside; the last
            one looks at an image as this one does.
    """

    title: str
    slug: str
    matcher: Matcher
    folds: tuple[FoldScores, ...]
    dataset: Dataset
    predictions: Predictions
    people: tuple[str, ...]
    table: Optional[str] = None
    notes: tuple[str, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    legacy: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, Outcome] = field(default_factory=dict)

    @cached_property
    def groups(self) -> list[GroupScore]:
        """Verification by groups of pictures, of the first fold."""
        trials, asked = self.folds[0].trials, self.predictions
        if trials is None:
            return []
        caricatures = dict(zip(asked.paths, asked.is_caricature.tolist()))
        return group_scores(trials, self.dataset.traits(caricatures), caricatures)

    def summaries(self) -> dict[str, OverFolds]:
        """Every metric over the folds, in the order in which the folds name them."""
        names = dict.fromkeys(name for fold in self.folds for name in fold.metrics)
        found = {}
        for name in names:
            values = tuple(fold.metrics.get(name, math.nan) for fold in self.folds)
            known = np.array(values)[~np.isnan(values)]
            mean = float(known.mean()) if len(known) else math.nan
            std = float(known.std()) if len(known) > 1 else None
            found[name] = OverFolds(mean, std, values)
        return found

    def remarks(self) -> tuple[str, ...]:
        """The notes, after warnings of what the metrics cannot bear.

        These are folds with pairs of one kind alone; FARs that the impostor pairs are too few for,
        where they are judged or where their threshold was taken; folds that lack a metric;
        galleries too small for Rank-10.
        """
        warnings = [*self._worse(), *self._one_kind(), *self._few_impostors(), *self._lacking()]
        for fold in self.folds:
            small = [
                name.removesuffix(" people").removesuffix(" gallery")
                for name, count in fold.counts.items()
                if name.endswith("gallery people") and count <= 10
            ]
            warnings += [f"{name}: at most ten people, so that Rank-10 is 100%." for name in small]
        return (*dict.fromkeys(warnings), *self.notes)

    def _worse(self) -> list[str]:
        """Where training has made the answers worse than the baseline's, by the AUC."""
        if not self.baselines:
            return []
        name, beside = list(self.baselines.items())[-1]
        metric = "verification_auc"
        own, other = (outcome.summaries().get(metric) for outcome in (self, beside))
        if own is None or other is None or not own.mean < other.mean:
            return []
        return [
            "WORSE THAN UNTRAINED: on these people the network's AUC is "
            f"{100 * own.mean:.2f}%, and that of {name} is {100 * other.mean:.2f}%."
        ]

    def _one_kind(self) -> list[str]:
        """Where all pairs of a fold are genuine, or all are of two people."""
        found = []
        for fold in self.folds:
            trials = fold.trials
            if trials is None or trials.both_kinds or not len(trials.same):
                continue
            kind = "genuine" if trials.same.any() else "impostor"
            found.append(
                f"Fold {fold.name} has only {kind} pairs: verification needs both kinds, "
                "so there is no accuracy, AUC, EER, TAR or FAR."
            )
        return found

    def _few_impostors(self) -> list[str]:
        few: dict[tuple[float, str], list[int]] = {}
        for fold in self.folds:
            for point in fold.points:
                if point.own and not point.resolved:
                    few.setdefault((point.far, ""), []).append(point.chosen_on)
                elif not point.own and not point.met:
                    where = "that its threshold is taken from"
                    few.setdefault((point.far, where), []).append(point.chosen_on)
        several = len(self.folds) > 1
        return [
            f"A FAR of {100 * far:g}% cannot be told from 0 with "
            f"{_between(counts, 'impostor pairs')}"
            + (f" {where}" if where else "")
            + (f" ({len(counts)} of {len(self.folds)} folds)." if several else ".")
            for (far, where), counts in few.items()
        ]

    def _lacking(self) -> list[str]:
        """Where means are over fewer folds than there are."""
        found = []
        for name, summary in self.summaries().items():
            absent = [f.name for f, v in zip(self.folds, summary.folds) if math.isnan(v)]
            if absent and len(self.folds) > 1:
                found.append(
                    f"No {name} in fold {', '.join(absent)}, which lacks pairs or images "
                    f"for it: the mean is over the other {len(self.folds) - len(absent)} "
                    "folds."
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for results.json; NaN becomes None."""
        return _plain(
            {
                "title": self.title,
                "network": self.matcher.describe(),
                "notes": list(self.remarks()),
                "metrics": {
                    name: {
                        "mean": summary.mean,
                        "std": summary.std,
                        "folds": dict(zip((f.name for f in self.folds), summary.folds)),
                        "interval": self.intervals[name]._asdict()
                        if name in self.intervals
                        else None,
                    }
                    for name, summary in self.summaries().items()
                },
                "operating_points": {
                    fold.name: [
                        {
                            "far_asked": p.far,
                            "threshold_from": "these pairs" if p.own else "other pairs",
                            "threshold_from_impostors": p.chosen_on,
                            **p.point._asdict(),
                            "resolved": p.resolved,
                        }
                        for p in fold.points
                    ]
                    for fold in self.folds
                },
                "growth": {
                    fold.name: {
                        modality: [point._asdict() for point in points]
                        for modality, points in fold.growth.items()
                    }
                    for fold in self.folds
                    if fold.growth
                },
                "groups": [score._asdict() for score in self.groups],
                "counts": {fold.name: dict(fold.counts) for fold in self.folds},
                "published_code_arithmetic": dict(self.legacy),
                "baselines": {name: one.to_dict() for name, one in self.baselines.items()},
            }
        )


def total_pairs(trials: Trials) -> dict[str, int]:
    """Counts of genuine and impostor pairs."""
    genuine = int(trials.same.sum())
    return {"genuine pairs": genuine, "impostor pairs": len(trials.same) - genuine}


def _between(counts: list[int], what: str) -> str:
    low, high = min(counts), max(counts)
    return counted(low, what) if low == high else f"{low:,} to {high:,} {what}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
