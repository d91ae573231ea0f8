"""Verification metrics: pure functions of pairs' distances and labels, exact on ties.

A pair is accepted, called the same person, where its distance is at most the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.resampling import subject_folds


def squared_distances(left: Array, right: Array) -> Array:
    """Squared L2 distance of each row of `left` to the same row of `right`: [n, d] -> [n]."""
    return np.sum(np.square(left - right), axis=-1)


def numbers(distances: Array) -> Array:
    """The distances.

    Raises:
        ValueError: One is NaN, which is neither near nor far.
    """
    if missing := int(np.isnan(distances).sum()):
        raise ValueError(f"distances must be numbers. Received: {missing} NaN")
    return np.asarray(distances)


def exact(distances: Array) -> Array:
    """Distances as float64, so that float32 ones are compared with any threshold exactly.

    Raises:
        ValueError: One is NaN.
    """
    return numbers(distances).astype(np.float64)


def auc(distances: Array, same: Array) -> float:
    """Area under the ROC curve: P(genuine < impostor) + P(genuine = impostor) / 2.

    Args:
        distances: float [n].
        same: bool [n].

    Returns:
        In [0, 1]; NaN where either class has no pair.
    """
    values = numbers(distances)
    genuine, impostor = values[same], np.sort(values[~same])
    if not len(genuine) or not len(impostor):
        return float("nan")
    at_most = np.searchsorted(impostor, genuine, side="right")
    below = np.searchsorted(impostor, genuine, side="left")
    wins = len(impostor) - at_most + (at_most - below) / 2
    return float(wins.mean() / len(impostor))


def accuracy(distances: Array, same: Array, threshold: float) -> float:
    """The share of pairs judged rightly at a threshold chosen elsewhere; NaN without pairs."""
    if not len(distances):
        return float("nan")
    return float(np.mean((exact(distances) <= threshold) == same))


def auc_deviation(auc: float, genuine: int, impostors: int) -> float:
    """The standard deviation of an AUC (Hanley and McNeil, 1982), pairs taken as independent.

    Args:
        auc: In [0, 1].
        genuine: The number of genuine pairs, from 1.
        impostors: The number of impostor pairs, from 1.

    Example:
        >>> round(auc_deviation(0.5, 10, 10), 4)
        0.1323
    """
    squared = auc * auc
    of_genuine, of_impostors = auc / (2 - auc) - squared, 2 * squared / (1 + auc) - squared
    variance = auc * (1 - auc) + (genuine - 1) * of_genuine + (impostors - 1) * of_impostors
    return float(np.sqrt(max(variance, 0.0) / (genuine * impostors)))


def best_threshold(distances: Array, same: Array, *, balanced: bool = False) -> float:
    """The threshold with the highest accuracy on these pairs, exactly.

    All distinct outcomes are tried: the midpoints between neighbouring distances, and both ends.
    Among equally good ones the lowest is taken.

    Args:
        distances: float [n].
        same: bool [n].
        balanced: Whether genuine and impostor pairs weigh equally in all, however many of each
            there are: the threshold is then that of the highest mean of TAR and 1 - FAR.

    Raises:
        ValueError: There are no pairs.
    """
    if not len(distances):
        raise ValueError("best_threshold needs at least one pair")
    values, position = np.unique(exact(distances), return_inverse=True)
    counts = max(int(np.sum(~same)), 1), max(int(np.sum(same)), 1)
    # Each kind times the other's count: whole numbers, so that equally good ones are equal.
    of_genuine, of_impostor = counts if balanced else (1, 1)
    gain = np.bincount(position, weights=np.where(same, float(of_genuine), -float(of_impostor)))
    right = np.concatenate([[0.0], np.cumsum(gain)])  # relative to rejecting every pair
    best = int(np.argmax(right))
    if best == 0:
        return float(values[0] - 1.0)
    if best == len(values):
        return float(values[-1])
    return float((values[best - 1] + values[best]) / 2)


class CrossValidated(NamedTuple):
    """Accuracy with each fold's threshold taken from the other folds.

    Attributes:
        accuracy: Over all pairs, each judged once.
        thresholds: One per fold.
        per_pair: float64 [n], the threshold that each pair was judged by; None without folds.
    """

    accuracy: float
    thresholds: tuple[float, ...]
    per_pair: Optional[Array] = None


def cross_validated_accuracy(
    distances: Array,
    same: Array,
    subjects: Union[Sequence[Any], Array],
    *,
    folds: int = 2,
    seed: int = 0,
) -> CrossValidated:
    """Verification accuracy by cross-validation over identities.

    Args:
        distances: float [n].
        same: bool [n].
        subjects: The identity of each pair's caricature; a pair belongs to that identity's fold, so
            that every pair is judged exactly once. An impostor pair's photo may be of somebody
            whose caricatures the threshold was taken with.
        folds: Number of folds; identities are dealt to them at random.
        seed: Decides the deal.

    Returns:
        The accuracy over all pairs and the folds' thresholds; NaN and none where there are fewer
        identities than folds, or pairs of one kind alone, on which any threshold can be perfect.
    """
    one_kind = bool(np.all(same) or not np.any(same))
    if one_kind or len(np.unique(np.asarray(subjects))) < folds:
        return CrossValidated(float("nan"), ())
    fold = subject_folds(subjects, folds, seed)
    right, thresholds, per_pair = 0.0, [], np.zeros(len(distances))
    for k in range(folds):
        test = fold == k
        threshold = best_threshold(distances[~test], same[~test])
        right += accuracy(distances[test], same[test], threshold) * test.sum()
        thresholds.append(threshold)
        per_pair[test] = threshold
    return CrossValidated(float(right / len(distances)), tuple(thresholds), per_pair)
