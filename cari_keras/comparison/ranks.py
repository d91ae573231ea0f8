"""Ranks of strategies over seeds, and how far apart two mean ranks must be to differ.

Demšar, "Statistical comparisons of classifiers over multiple data sets" (JMLR 2006), section 3.2,
with seeds in place of his datasets.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.comparison.results import Results
from cari_keras.evaluation.labels import LABELS

#: The overall rank, beside the metrics' own.
OVERALL = "overall"


class RankTest(NamedTuple):
    """Whether the overall mean ranks of three strategies or more, over two seeds or more, differ.

    Attributes:
        probability: Of overall ranks as unequal as these if the strategies were equally good, by
            Friedman's test.
        critical_difference: Two strategies whose overall mean ranks are further apart than this
            differ at the level of 5 %, by Nemenyi's test.
    """

    probability: float
    critical_difference: float


class Ranks(NamedTuple):
    """Mean ranks over seeds; rank 1 is the best, and equals share the mean of their places.

    Attributes:
        mean: `OVERALL` or a metric -> strategy -> mean rank. The overall rank of a seed is that of
            the mean of its metrics, which is the score that training keeps the best epoch by.
            Strategies stand from the best overall rank to the worst.
        seeds: How many seeds there are.
        test: None for fewer than two seeds or three strategies.
    """

    mean: dict[str, dict[str, float]]
    seeds: int
    test: Optional[RankTest]


def rank_strategies(results: Results) -> Optional[Ranks]:
    """Ranks the strategies in each seed, by each metric and by the metrics' mean.

    The seeds are the blocks of the tests, and not each metric of each seed: the metrics of one run
    hang together, and would make differences look surer than they are.

    Args:
        results: Of `read_results`. A strategy that lacks a metric or a seed of the others is left
            out.

    Returns:
        The ranks; None where fewer than two strategies can be ranked.
    """
    metrics = [name for name in LABELS if any(name in row for row in results.values())]
    seeds = sorted({seed for row in results.values() for found in row.values() for seed in found})
    whole = [
        strategy
        for strategy, row in results.items()
        if all(set(row.get(metric, {})) == set(seeds) for metric in metrics)
    ]
    if len(whole) < 2:
        return None
    values = np.array([[[results[s][m][k] for s in whole] for k in seeds] for m in metrics])
    ranks = _ranks(np.concatenate([values.mean(axis=0, keepdims=True), values]))
    means = ranks.mean(axis=1)
    order = np.argsort(means[0], kind="stable")
    mean = {
        name: {whole[i]: float(of[i]) for i in order}
        for name, of in zip((OVERALL, *metrics), means)
    }
    if len(seeds) < 2 or len(whole) < 3:
        return Ranks(mean, len(seeds), None)
    from scipy.stats import friedmanchisquare

    with np.errstate(invalid="ignore"):  # where all are equal
        probability = float(friedmanchisquare(*ranks[0].T).pvalue)
    if math.isnan(probability):
        probability = 1.0
    test = RankTest(probability, critical_difference(len(whole), len(seeds)))
    return Ranks(mean, len(seeds), test)


def _ranks(values: Array) -> Array:
    """Ranks along the last axis: 1 for the largest value."""
    from scipy.stats import rankdata

    # Metrics are counts divided by sums: what differs by rounding alone is equal.
    ranks: Array = rankdata(-np.round(values, 9), axis=-1)
    return ranks


def critical_difference(strategies: int, seeds: int) -> float:
    """Nemenyi's critical difference of mean ranks at the level of 5 %.

    CD = q sqrt(k (k + 1) / (6 N)), where q is the 95 % point of the studentized range of k values
    with infinitely many degrees of freedom, divided by the square root of 2.

    Args:
        strategies: k.
        seeds: N.

    Example:
        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(0.95, strategies, np.inf)) / math.sqrt(2)
    return q * math.sqrt(strategies * (strategies + 1) / (6 * seeds))


def alike(mean: dict[str, float], difference: float) -> list[list[str]]:
    """The largest groups of strategies of which no two are further apart than a difference.

    Args:
        mean: Strategy -> mean rank.
        difference: Largest difference within a group.

    Returns:
        Groups of two and more, each from its best strategy to its worst.

    Example:
        >>> alike({"a": 1.0, "b": 1.5, "c": 2.4}, 1.0)
        [['a', 'b'], ['b', 'c']]
    """
    names = sorted(mean, key=mean.__getitem__)
    groups: list[list[str]] = []
    for i, first in enumerate(names):
        group = [name for name in names[i:] if mean[name] - mean[first] <= difference]
        if len(group) > 1 and not (groups and groups[-1][-1] == group[-1]):
            groups.append(group)
    return groups
