"""What the runs of a comparison found: metrics by strategy and seed, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.comparison.plan import PlannedRun
from cari_keras.errors import CheckpointError
from cari_keras.evaluation.labels import LABELS
from cari_keras.evaluation.plots import hardest_task_share
from cari_keras.history import read_metrics, read_steps
from cari_keras.model.checkpoints import read_meta

#: The share of iterations in which the hardest task had the largest weight, beside the metrics.
HARDEST = "hardest_task_share"

#: Strategies whose weights stand still.
FIXED = ("equal", "single", "static")


class Difference(NamedTuple):
    """A metric of one strategy less that of another, over the seeds that both have.

    Attributes:
        mean: Mean of the seeds' differences.
        half_width: Half the width of its 95 % confidence interval, by Student's t on the
            differences; None for a single seed.
        seeds: How many seeds there were.
    """

    mean: float
    half_width: Optional[float]
    seeds: int

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.half_width is not None and abs(self.mean) > self.half_width


#: Strategy -> metric -> value by seed.
Results = dict[str, dict[str, dict[int, float]]]


def best_run(runs: Sequence[PlannedRun]) -> PlannedRun:
    """The run of the best validation score at its best epoch, of those with the most tasks."""

    def rank(run: PlannedRun) -> tuple[int, float]:
        meta = read_meta(run.folder / "best")
        return len(run.config.training.tasks), float(meta["score"])

    return max(runs, key=rank)


def read_results(runs: Sequence[PlannedRun]) -> Results:
    """The metrics of the last epoch of every run: none is picked by the metrics it is judged by.

    Raises:
        CheckpointError: A run has no metrics.
    """
    found: Results = {}
    for run in runs:
        rows = read_metrics(run.folder)
        metrics = {n: v for n, v in rows[-1].items() if n in LABELS} if rows else {}
        if not metrics:
            raise CheckpointError(f"{run.folder}: no validation metrics")
        if run.strategy not in FIXED:
            metrics[HARDEST] = hardest_task_share(read_steps(run.folder))
        # The runs of `single` add up to one row: none of them has another's metrics.
        row = found.setdefault(run.strategy, {})
        for name, value in metrics.items():
            row.setdefault(name, {})[run.seed] = value
    return found


def paired_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Difference:
    """The difference of two strategies' metrics, seed by seed.

    A seed decides initial weights, order and augmentation for both, so much of its luck cancels.

    Args:
        values: A metric by seed.
        reference: The same metric of what it is compared to.

    Raises:
        ValueError: There is no seed in common.

    Example:
        >>> paired_difference({0: 0.75, 1: 0.5}, {0: 0.5, 1: 0.25}).mean
        0.25
    """
    seeds = sorted(set(values) & set(reference))
    if not seeds:
        raise ValueError("paired_difference needs at least one seed that both strategies have")
    differences = np.array([values[seed] - reference[seed] for seed in seeds])
    mean, n = float(np.mean(differences)), len(seeds)
    if n < 2:
        return Difference(mean, None, n)
    error = float(np.std(differences, ddof=1)) / math.sqrt(n)
    from scipy.special import stdtrit  # which loads fast

    return Difference(mean, float(stdtrit(n - 1, 0.975)) * error, n)
