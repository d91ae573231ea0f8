"""Whether the probabilities that some pairs give hold on others: a reliability diagram's rows."""

from __future__ import annotations

from typing import Optional

import numpy as np

from cari_keras.evaluation.probability import ReliabilityBin, fit_probability, reliability
from cari_keras.evaluation.resampling import subject_folds
from cari_keras.evaluation.trials import Trials

#: Impostor pairs that a probability curve is fitted to, at most: it has two parameters.
MOST_IMPOSTORS = 200_000


def told_and_observed(trials: Trials, others: Optional[Trials] = None) -> list[ReliabilityBin]:
    """What is observed of pairs by the probability that other pairs give them.

    Args:
        trials: The pairs.
        others: Those that the probability curve is fitted to. None takes two-fold cross-validation
            over the people of these pairs, dealt as for the accuracy.

    Returns:
        See `probability.reliability`; empty where a curve or the diagram would lack genuine or
        impostor pairs.
    """
    if not trials.both_kinds or (others is not None and not others.both_kinds):
        return []
    if others is not None:
        curve = fit_probability(*others.sample(MOST_IMPOSTORS))
        return reliability(curve.probability(trials.distances), trials.same)
    subjects = trials.subjects
    if len(np.unique(subjects)) < 2:
        return []
    fold = subject_folds(subjects, 2)
    told = np.zeros(len(fold))
    drawn = np.zeros(len(fold), bool)
    drawn[trials.sample_rows(2 * MOST_IMPOSTORS)] = True
    for k in (0, 1):
        behind = drawn & (fold != k)
        if not 0 < trials.same[behind].sum() < behind.sum():
            return []
        curve = fit_probability(trials.distances[behind], trials.same[behind])
        told[fold == k] = curve.probability(trials.distances[fold == k])
    return reliability(told, trials.same)
