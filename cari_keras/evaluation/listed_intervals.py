"""Intervals of listed pairs, of heads and of galleries, by drawing the people anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.curves import eer, tar_at_far
from cari_keras.evaluation.evaluator import identification
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.resampling import Interval, bootstrap_interval
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.evaluation.trials import Trials
from cari_keras.evaluation.verification import auc


def intervals_of(predictions: Predictions, folds: Sequence[FoldScores]) -> dict[str, Interval]:
    """95 % intervals of the main metrics' means over folds of listed pairs, by identities.

    Those of verification draw the people of the pairs' first images, of all folds together, each
    with all their pairs; the accuracy's thresholds are held, those of TAR at FAR are taken from
    each draw. There are none of metrics that are undefined, or where a single person is all there
    is to draw.

    Args:
        predictions: Answers for the images; those of heads are of a single fold.
        folds: One, or several of verification alone.
    """
    found: dict[str, Interval] = {}
    listed = [fold for fold in folds if fold.trials is not None and not fold.trials.crossed]
    if len(listed) == len(folds) and all(len(_trials(fold).distances) for fold in folds):
        subjects = np.concatenate([_trials(fold).subjects for fold in folds])
        starts = np.cumsum([0, *(len(_trials(fold).distances) for fold in folds)])
        each = [_statistics(fold) for fold in folds]
        for name in [name for name in each[0] if all(name in other for other in each)]:
            over = partial(_mean_over, [other[name] for other in each], starts)
            found[name] = bootstrap_interval(over, subjects)
    for name, (logits, labels) in identification(predictions).items():
        right = np.argmax(logits, axis=-1) == labels
        found[name] = bootstrap_interval(partial(_share, right), labels)
    if len(folds) == 1:
        for name, (values, labels) in folds[0].hits.items():
            found[name] = bootstrap_interval(partial(_share, values), labels)
    return {
        name: found[name]
        for name in dict.fromkeys(name for fold in folds for name in fold.metrics)
        if name in found
        and found[name].resamples
        and not all(math.isnan(fold.metrics.get(name, math.nan)) for fold in folds)
    }


def _trials(fold: FoldScores) -> Trials:
    assert fold.trials is not None, "only of folds with pairs"
    return fold.trials


def _statistics(fold: FoldScores) -> dict[str, Callable[[Array], float]]:
    """Verification metric -> from rows of the fold's pairs to the metric on those."""
    trials = _trials(fold)
    found: dict[str, Callable[[Array], float]] = {
        "verification_auc": lambda rows: auc(trials.distances[rows], trials.same[rows]),
        "verification_eer": lambda rows: eer(trials.distances[rows], trials.same[rows]),
    }
    for point in fold.points:
        if point.own:
            found[f"tar_at_far_{point.far}"] = partial(_tar, trials, point.far)
    if "verification_accuracy" in fold.metrics and fold.thresholds is not None:
        right = (trials.distances <= fold.thresholds) == trials.same
        found["verification_accuracy"] = partial(_share, right)
    return found


def _mean_over(statistics: Sequence[Callable[[Array], float]], starts: Array, rows: Array) -> float:
    """The mean over folds of a metric on some rows of all folds' pairs; those without are left out.

    Args:
        statistics: The metric of each fold, of rows within it.
        starts: int [folds + 1], where each fold's rows begin, and where the last one's end.
        rows: int [m].
    """
    values = []
    for statistic, first, end in zip(statistics, starts[:-1], starts[1:]):
        own = rows[(rows >= first) & (rows < end)] - first
        values.append(statistic(own) if len(own) else math.nan)
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _tar(trials: Trials, far: float, rows: Array) -> float:
    same = trials.same[rows]
    return math.nan if same.all() else tar_at_far(trials.distances[rows], same, far).tar


def _share(right: Array, rows: Array) -> float:
    return float(right[rows].mean())
