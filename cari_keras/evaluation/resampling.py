"""How far a metric can be trusted: bootstrap over identities, and subject-disjoint folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Union

import numpy as np

from cari_keras.arrays import Array


class Interval(NamedTuple):
    """A percentile interval.

    Attributes:
        low: Lower end.
        high: Upper end.
        level: The share of resampled values within, for example 0.95.
        resamples: How many values there were; those that were NaN are left out. With 0, the ends
            are NaN.
    """

    low: float
    high: float
    level: float
    resamples: int


def bootstrap_interval(
    statistic: Callable[[Array], float],
    subjects: Union[Sequence[Any], Array],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap over identities (Efron, 1979).

    Images of one person are not independent, so people are drawn with replacement, each with all
    of their rows; drawing images or pairs would give intervals that are too narrow.

    Args:
        statistic: From row numbers, int [m] with repetitions, to the metric on those rows.
        subjects: The identity of each row.
        level: In (0, 1).
        resamples: How many times people are drawn.
        seed: Decides the draws.

    Raises:
        ValueError: There is no row, or `level` is out of its range.

    With a single person every draw is the same, which tells nothing of the spread: both ends are
    NaN.

    Example:
        >>> right = np.array([1, 1, 0, 1])
        >>> bootstrap_interval(lambda rows: right[rows].mean(), ["a", "a", "b", "c"]).high
        1.0
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1). Received: {level}")
    names, position = np.unique(np.asarray(subjects), return_inverse=True)
    if not len(names):
        raise ValueError("bootstrap_interval needs at least one row")
    if len(names) == 1:
        return Interval(float("nan"), float("nan"), level, 0)
    order = np.argsort(position, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(position))[:-1])
    rng = np.random.default_rng(seed)
    values = np.array(
        [
            statistic(np.concatenate([rows_of[i] for i in rng.integers(0, len(names), len(names))]))
            for _ in range(resamples)
        ]
    )
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(float("nan"), float("nan"), level, 0)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, len(values))


def subject_folds(subjects: Union[Sequence[Any], Array], folds: int, seed: int = 0) -> Array:
    """Deals people to folds, as evenly as can be; nobody is in two.

    Args:
        subjects: The identity of each row.
        folds: At least 2.
        seed: Decides the deal.

    Returns:
        int [n], the fold of each row, from 0.

    Raises:
        ValueError: There are fewer people than folds.
    """
    names, position = np.unique(np.asarray(subjects), return_inverse=True)
    if not 2 <= folds <= len(names):
        raise ValueError(
            f"folds must be between 2 and the number of identities, {len(names)}. Received: {folds}"
        )
    return np.asarray(
        np.random.default_rng(seed).permutation(np.arange(len(names)) % folds)[position]
    )
