"""What the runs of a comparison found: figures by strategy and seed, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np
import pandas as pd

from cari_keras.comparison.plan import PlannedRun
from cari_keras.errors import CheckpointError
from cari_keras.evaluation.evaluator import LABELS
from cari_keras.evaluation.figures import hardest_task_share
from cari_keras.training.runlog import STEPS_FILE, read_metrics

#: The share of iterations in which the hardest task had the largest weight, beside the figures.
HARDEST = "hardest_task_share"

#: Strategies whose weights stand still.
FIXED = ("equal", "single", "static")

#: 97.5 % points of Student's t distribution for 1 to 30 degrees of freedom; above, the last.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


class Difference(NamedTuple):
    """A figure of one strategy less that of another, over the seeds that both have.

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


#: Strategy -> figure -> value by seed.
Results = dict[str, dict[str, dict[int, float]]]


def read_results(runs: Sequence[PlannedRun]) -> Results:
    """The figures of the last epoch of every run: none is picked by the figures it is judged by.

    Raises:
        CheckpointError: A run has no figures.
    """
    found: Results = {}
    for run in runs:
        rows = read_metrics(run.folder)
        figures = {n: v for n, v in rows[-1].items() if n in LABELS} if rows else {}
        if not figures:
            raise CheckpointError(f"{run.folder}: no validation figures")
        if run.strategy not in FIXED:
            figures[HARDEST] = hardest_task_share(pd.read_csv(run.folder / STEPS_FILE))
        # The runs of `single` add up to one row: none of them has another's figures.
        row = found.setdefault(run.strategy, {})
        for name, value in figures.items():
            row.setdefault(name, {})[run.seed] = value
    return found


def paired_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Difference:
    """The difference of two strategies' figures, seed by seed.

    A seed decides initial weights, order and augmentation for both, so much of its luck cancels.

    Args:
        values: A figure by seed.
        reference: The same figure of what it is compared to.

    Raises:
        ValueError: There is no seed in common.

    Example:
        >>> paired_difference({0: 0.75, 1: 0.5}, {0: 0.5, 1: 0.25}).mean
        0.25
    """
    seeds = sorted(set(values) & set(reference))
    if not seeds:
        raise ValueError("paired_difference needs a seed that both have")
    differences = np.array([values[seed] - reference[seed] for seed in seeds])
    mean, n = float(np.mean(differences)), len(seeds)
    if n < 2:
        return Difference(mean, None, n)
    error = float(np.std(differences, ddof=1)) / math.sqrt(n)
    return Difference(mean, _T[min(n - 1, len(_T)) - 1] * error, n)
