"""ROC, DET, EER and TAR at FAR: pure functions of pairs' distances and labels, exact on ties.

A pair is accepted, called the same person, where its distance is at most the threshold. FAR is the
share of impostor pairs (of two people) that are accepted, TAR that of genuine pairs (of one).
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.verification import exact, numbers


class Roc(NamedTuple):
    """Every operating point that differs from another, from rejecting to accepting all pairs.

    Attributes:
        thresholds: float64 [m], rising; -inf, then each distance that occurs.
        far: float64 [m], rising from 0 to 1; NaN without impostor pairs.
        tar: float64 [m], rising from 0 to 1; NaN without genuine pairs.
    """

    thresholds: Array
    far: Array
    tar: Array


class OperatingPoint(NamedTuple):
    """What a threshold gives on some pairs.

    Attributes:
        threshold: Squared distance up to which a pair is accepted.
        far: The FAR achieved; NaN without impostor pairs.
        tar: The TAR achieved; NaN without genuine pairs.
        impostors: The number of impostor pairs behind `far`.
        resolved: Whether there are enough of them to tell the FAR that was asked for from zero.
    """

    threshold: float
    far: float
    tar: float
    impostors: int
    resolved: bool


def roc(distances: Array, same: Array) -> Roc:
    """The ROC curve, which is scikit-learn's.

    36 million pairs take it 1.1 GB. `verification.auc` is our own: it makes no curve, so it needs
    none of that, and a 27th of the time.

    Args:
        distances: float [n].
        same: bool [n].

    Example:
        >>> curve = roc(np.array([0.1, 0.4, 0.4]), np.array([True, True, False]))
        >>> curve.tar.tolist(), curve.far.tolist()
        ([0.0, 0.5, 1.0], [0.0, 0.0, 1.0])
    """
    from sklearn.metrics import roc_curve

    values = numbers(distances)
    if not len(values):
        nothing = np.array([np.nan])
        return Roc(np.array([-np.inf]), nothing, nothing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class without a pair, whose rate is NaN as it should
        far, tar, scores = roc_curve(np.asarray(same), -values, drop_intermediate=False)
    return Roc(-scores.astype(np.float64), far, tar)


def threshold_at_far(distances: Array, same: Array, far: float) -> float:
    """The largest threshold whose FAR on these pairs is at most `far`.

    It lies just below the distance of the first impostor pair that must be rejected, so that
    genuine pairs up to there are accepted; infinite where no impostor pair must be.

    Args:
        distances: float [n].
        same: bool [n].
        far: In [0, 1].

    Raises:
        ValueError: There is no impostor pair.
    """
    impostor = np.sort(exact(distances)[~same])
    if not len(impostor):
        raise ValueError("threshold_at_far needs at least one impostor pair")
    allowed = _most(far, len(impostor))
    if allowed >= len(impostor):
        return float("inf")
    return float(np.nextafter(impostor[allowed], -np.inf))


def float32_at_most(threshold: float) -> float:
    """The largest float32 value that is at most a threshold.

    Networks compare in float32, where the nearest value may be that of a pair to be rejected.
    """
    rounded = np.float32(threshold)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded if float(rounded) <= threshold else below)


def operating_point(
    distances: Array, same: Array, threshold: float, far: float = 0.0
) -> OperatingPoint:
    """What a threshold, chosen on other pairs for a certain FAR, gives on these pairs.

    Args:
        distances: float [n].
        same: bool [n].
        threshold: From `threshold_at_far`.
        far: The FAR that it was chosen for.
    """
    accepted = exact(distances) <= threshold
    impostors = int(np.sum(~same))
    return OperatingPoint(
        threshold,
        float(np.mean(accepted[~same])) if impostors else float("nan"),
        float(np.mean(accepted[same])) if np.any(same) else float("nan"),
        impostors,
        _most(far, impostors) >= 1,
    )


def tar_at_far(distances: Array, same: Array, far: float) -> OperatingPoint:
    """The operating point of the largest threshold whose FAR is at most `far`, on the same pairs.

    With fewer than 1 / `far` impostor pairs the FAR cannot be told from zero: the point is then
    that of no impostor accepted, and `resolved` is False.

    Raises:
        ValueError: There is no impostor pair.
    """
    return operating_point(distances, same, threshold_at_far(distances, same, far), far)


def eer(distances: Array, same: Array) -> float:
    """The equal error rate: where FAR = 1 - TAR on the ROC curve, linear between its points.

    Returns:
        In [0, 1]; NaN where either class has no pair.
    """
    _, far, tar = roc(distances, same)
    if not np.isfinite([far[-1], tar[-1]]).all():
        return float("nan")
    gap = far - (1 - tar)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return float(far[before] + share * (far[after] - far[before]))


def det(curve: Roc) -> tuple[Array, Array]:
    """The DET curve: normal deviates of FAR and of FRR = 1 - TAR.

    Returns:
        Two float64 [m]; infinite where a rate is 0 or 1.
    """
    from scipy.special import ndtri

    return ndtri(curve.far), ndtri(1 - curve.tar)


def _most(share: float, count: int) -> int:
    """The largest whole number that is at most `share` of `count`.

    Rounded at the twelfth digit, so that 0.1 of 30 is 3 and not 2.
    """
    return int(np.floor(round(share * count, 12)))
