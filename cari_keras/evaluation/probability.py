"""From distances to the probability that a pair is of one person, and how far that can be trusted.

A probability is that of a prior, the share of genuine pairs among those that are asked about. A
curve is fitted at a prior of 50 %; another prior shifts its log-odds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.verification import exact

#: The inverse of scikit-learn's regularisation: so large that only pairs which a threshold tells
#: apart without an error feel it, whose slope would be infinite.
_C = 1e4


class ProbabilityCurve(NamedTuple):
    """Log-odds of one person, linear in the squared distance: a logistic calibrator.

    Attributes:
        slope: Per unit of squared distance; negative where near pairs are likelier of one person.
        intercept: The log-odds at distance 0 and a prior of 50 %.

    Example:
        >>> curve = ProbabilityCurve(slope=-4.0, intercept=4.0)
        >>> curve.probability(np.array([1.0, 0.0])).round(3).tolist()
        [0.5, 0.982]
        >>> curve.probability(np.array([1.0]), prior=0.1).round(3).tolist()
        [0.1]
    """

    slope: float
    intercept: float

    def probability(self, distances: Array, prior: float = 0.5) -> Array:
        """The probability that each pair is of one person.

        Args:
            distances: Squared, float [n].
            prior: The share of genuine pairs among those that are asked about, in (0, 1).

        Returns:
            float64 [n], in [0, 1].

        Raises:
            ValueError: `prior` is out of its range, or a distance is NaN.
        """
        from scipy.special import expit

        _check_prior(prior)
        odds = self.slope * exact(distances) + self.intercept + math.log(prior / (1 - prior))
        return np.asarray(expit(odds))

    def distance(self, probability: float) -> float:
        """The squared distance at which a pair has this probability, at a prior of 50 %.

        Args:
            probability: In (0, 1).

        Returns:
            Any real number, so perhaps none that two embeddings can have.

        Raises:
            ValueError: `probability` is out of its range, or the slope is 0.

        Example:
            >>> ProbabilityCurve(slope=-4.0, intercept=4.0).distance(0.5)
            1.0
        """
        if not 0 < probability < 1 or not self.slope:
            raise ValueError(
                "probability must be in (0, 1), and the slope not 0. Received: "
                f"{probability}, and {self}"
            )
        return (math.log(probability / (1 - probability)) - self.intercept) / self.slope


class ReliabilityBin(NamedTuple):
    """The pairs whose probability is within one interval.

    Attributes:
        probability: Their mean probability.
        observed: The share of them that are genuine.
        weight: Their share of all pairs; the weights of all bins sum to 1.
    """

    probability: float
    observed: float
    weight: float


def fit_probability(distances: Array, same: Array) -> ProbabilityCurve:
    """Fits the curve by logistic regression, genuine and impostor pairs weighing equally in all.

    Args:
        distances: Squared, float [n].
        same: bool [n].

    Raises:
        ValueError: There are no genuine or no impostor pairs, or a distance is NaN.

    Example:
        >>> distances = np.array([0.1, 0.3, 0.9, 0.7, 1.1, 1.5, 1.7])
        >>> same = np.array([True, True, True, False, False, False, False])
        >>> curve = fit_probability(distances, same)
        >>> curve.slope < 0, bool(curve.probability(np.array([0.1]))[0] > 0.9)
        (True, True)
    """
    same = np.asarray(same, bool)
    if same.all() or not same.any():
        raise ValueError("fit_probability needs genuine and impostor pairs")
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_C, class_weight="balanced", max_iter=1000)
    model.fit(exact(distances)[:, np.newaxis], same)
    return ProbabilityCurve(float(model.coef_[0, 0]), float(model.intercept_[0]))


def reliability(
    probabilities: Array, same: Array, bins: int = 10, *, prior: float = 0.5
) -> list[ReliabilityBin]:
    """The observed share of genuine pairs at each probability: the rows of a reliability diagram.

    Args:
        probabilities: float [n], in [0, 1], at `prior`.
        same: bool [n].
        bins: How many intervals of equal width; those without a pair are left out.
        prior: Genuine pairs weigh this much in all, impostor pairs the rest, in (0, 1).

    Raises:
        ValueError: There are no genuine or no impostor pairs; a probability, `bins` or `prior` is
            out of its range.

    Example:
        >>> same = np.array([True, True, True, False])
        >>> for row in reliability(np.array([0.9, 0.9, 0.3, 0.3]), same, bins=2):
        ...     print([round(value, 3) for value in row])
        [0.3, 0.25, 0.667]
        [0.9, 1.0, 0.333]
    """
    _check_prior(prior)
    values, same = exact(probabilities), np.asarray(same, bool)
    if same.all() or not same.any():
        raise ValueError("reliability needs genuine and impostor pairs")
    if bins < 1 or values.min() < 0 or values.max() > 1:
        raise ValueError(
            f"bins must be from 1, probabilities in [0, 1]. Received: {bins}, and "
            f"{values.min():g} to {values.max():g}"
        )
    weights = np.where(same, prior / same.sum(), (1 - prior) / (~same).sum())
    place = np.minimum((values * bins).astype(int), bins - 1)
    found = []
    for chosen in (place == k for k in range(bins)):
        weight = float(weights[chosen].sum())
        if weight > 0:
            mean = float(weights[chosen] @ values[chosen]) / weight
            found.append(ReliabilityBin(mean, float(weights[chosen & same].sum()) / weight, weight))
    return found


def expected_calibration_error(
    probabilities: Array, same: Array, bins: int = 10, *, prior: float = 0.5
) -> float:
    """The mean difference of stated and observed probability, over the bins by their weight.

    Args: as for `reliability`, and its errors.

    Returns:
        In [0, 1]; 0 where in each bin the mean probability is the share of genuine pairs.

    Example:
        >>> expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False]))
        0.0
        >>> expected_calibration_error(np.array([0.5, 0.5]), np.array([True, False]), prior=0.9)
        0.4
    """
    return calibration_error(reliability(probabilities, same, bins, prior=prior))


def calibration_error(rows: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error of a reliability diagram's rows."""
    return float(sum(row.weight * abs(row.probability - row.observed) for row in rows))


def _check_prior(prior: float) -> None:
    if not 0 < prior < 1:
        raise ValueError(f"prior must be in (0, 1). Received: {prior}")
