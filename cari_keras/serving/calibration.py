"""A threshold on pairs: its FAR and TAR, its probabilities, and whether it supports a decision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.evaluation.curves import float32_at_most, threshold_at_far
from cari_keras.evaluation.probability import ProbabilityCurve, fit_probability
from cari_keras.evaluation.resampling import subject_folds
from cari_keras.evaluation.verification import auc, auc_deviation, best_threshold
from cari_keras.wording import counted

#: No squared distance of unit vectors is larger.
LARGEST = 4.0

#: What thresholds of validation pairs are measured on, to which whose they are is added; where
#: there are no caricatures, the second.
VALIDATION_PAIRS = "validation pairs of a photo and a caricature"
PAIRS_OF_PHOTOS = "validation pairs of two photos"

#: A network does not decide where it would take more of the impostor pairs for one person.
MOST_FAR = 0.1

#: Nor where its threshold was chosen on fewer of them, if no FAR was asked for.
LEAST_IMPOSTORS = 100

#: Nor where genuine pairs are nearer than impostor pairs no more often than this.
LEAST_AUC = 0.55


class Calibration(NamedTuple):
    """A threshold and what it does on the pairs that it was chosen on.

    Attributes:
        threshold: Largest squared distance that is called the same person.
        far: Share of the impostor pairs that it accepts.
        tar: Share of the genuine pairs that it accepts.
        impostor_pairs: How many there were; a FAR below 1 / this cannot be told from 0.
        genuine_pairs: How many there were.
        measured_on: Which pairs they were, for people.
        far_unseen: The FAR on people whom it was not chosen on: thresholds are chosen on the pairs
            within each half of the people in turn and tried on those within the other. None where
            there are too few people.
        auc: Area under the ROC curve; None where there are not both kinds of pairs.
        slope: Of the log-odds of one person, per unit of squared distance, see `ProbabilityCurve`.
        intercept: Of the same; both are None where near pairs are no likelier of one person.
        undecided: Why the threshold does not decide, in one line, see `why_undecided`; None where
            it does.
    """

    threshold: float
    far: float
    tar: float
    impostor_pairs: int
    genuine_pairs: int
    measured_on: str = VALIDATION_PAIRS
    far_unseen: Optional[float] = None
    auc: Optional[float] = None
    slope: Optional[float] = None
    intercept: Optional[float] = None
    undecided: Optional[str] = None

    @property
    def far_expected(self) -> float:
        """The FAR to expect of new people: `far_unseen` where it is known, else `far`."""
        return self.far if self.far_unseen is None else self.far_unseen

    @property
    def curve(self) -> Optional[ProbabilityCurve]:
        """From distances to probabilities; None where none was fitted."""
        return curve_of(self.slope, self.intercept)


def curve_of(slope: Optional[float], intercept: Optional[float]) -> Optional[ProbabilityCurve]:
    """The curve of a `Calibration`'s fields; None where none was fitted."""
    if slope is None or intercept is None:
        return None
    return ProbabilityCurve(float(slope), float(intercept))


def calibrate(
    distances: Array,
    same: Array,
    far: Optional[float] = None,
    *,
    people: Optional[Array] = None,
    balanced: bool = False,
    measured_on: str = VALIDATION_PAIRS,
) -> Calibration:
    """A threshold on pairs, and probabilities at a prior of 50 %.

    Args:
        distances: Squared, float [n].
        same: bool [n].
        far: The largest share of impostor pairs to accept; None takes the threshold of the highest
            accuracy.
        people: Who the two images of each pair show, int [n, 2]; None leaves `far_unseen` out.
        balanced: Whether that accuracy counts genuine and impostor pairs equally in all; for all
            pairs of some images, among which genuine ones are rare.
        measured_on: Which pairs they are, for people.

    Raises:
        ConfigError: `far` is not in (0, 1], or fewer impostor pairs than 1 / far are there.
    """
    impostors, genuine = int(np.sum(~same)), int(np.sum(same))
    if far is not None:
        if not 0 < far <= 1:
            raise ConfigError(f"far must be in (0, 1]. Received: {far}")
        if not resolved(far, impostors):
            few = counted(impostors, "impostor pairs")
            raise ConfigError(
                f"a FAR of {far:g} cannot be told from 0 with {few}; ask for "
                f"{_rounded_up(1 / max(impostors, 1)):g} or more"
            )

    def choose(distances: Array, same: Array) -> float:
        if far is None:
            return float32_at_most(best_threshold(distances, same, balanced=balanced))
        return float32_at_most(min(threshold_at_far(distances, same, far), LARGEST))

    threshold = choose(distances, same)
    accepted = distances <= threshold
    found = Calibration(
        threshold,
        float(np.mean(accepted[~same])),
        float(np.mean(accepted[same])),
        impostors,
        genuine,
        measured_on,
        None if people is None else _far_unseen(distances, same, people, choose),
    )
    if impostors and genuine:
        found = found._replace(auc=auc(distances, same))
        curve = fit_probability(distances, same)
        if curve.slope < 0:
            found = found._replace(slope=curve.slope, intercept=curve.intercept)
    return found._replace(undecided=why_undecided(found, asked=far))


def resolved(far: float, impostors: int) -> bool:
    """Whether so many impostor pairs tell a FAR from 0."""
    return impostors * far >= 1 - 1e-9


def why_undecided(calibration: Calibration, *, asked: Optional[float] = None) -> Optional[str]:
    """Why a threshold cannot support a decision; None where it can.

    Args:
        calibration: The threshold; its own `undecided` is not looked at.
        asked: The FAR that was asked for. Whoever asks for a FAR above `MOST_FAR` gets it.

    Returns:
        One line: the threshold accepts too many impostor pairs, they were too few to say so, or
        genuine pairs are hardly nearer than impostor pairs: the AUC is below `LEAST_AUC`, or less
        than two standard deviations above one half.
    """
    impostors, genuine = calibration.impostor_pairs, calibration.genuine_pairs
    on = f", on {calibration.measured_on}"
    if asked is None and calibration.far_expected > MOST_FAR:
        return (
            f"at its threshold {100 * calibration.far_expected:.3g} % of pairs of two people would "
            f"be taken for one{on}"
        )
    least = LEAST_IMPOSTORS if asked is None else math.ceil(1 / asked - 1e-9)
    if impostors < least:
        few = counted(impostors, "impostor pairs")
        tell = "tells" if impostors == 1 else "tell"
        return f"{few} {tell} too little about the FAR, and at least {least} are needed{on}"
    area = calibration.auc
    if area is not None and area < LEAST_AUC:
        return f"the network hardly tells one person from two: its AUC is {100 * area:.3g} %{on}"
    if area is not None and area - 2 * auc_deviation(area, genuine, impostors) <= 0.5:
        count = counted(genuine, "genuine pairs")
        return f"an AUC of {100 * area:.3g} % cannot be told from chance with {count}{on}"
    return None


def _far_unseen(
    distances: Array, same: Array, people: Array, choose: Callable[[Array, Array], float]
) -> Optional[float]:
    """See `Calibration`: by two-fold cross-fitting over people; each fold weighs by its pairs."""
    if len(np.unique(people)) < 4:
        return None
    halves = subject_folds(people.reshape(-1), 2).reshape(people.shape)
    within = np.where(halves[:, 0] == halves[:, 1], halves[:, 0], -1)
    accepted = tried = 0
    for half in (0, 1):
        chosen, others = within == half, (within == 1 - half) & ~same
        if same[chosen].all() or not same[chosen].any() or not others.any():
            return None
        threshold = choose(distances[chosen], same[chosen])
        accepted += int(np.sum(distances[others] <= threshold))
        tried += int(np.sum(others))
    return accepted / tried


def _rounded_up(share: float) -> float:
    """A share in (0, 1] with three digits, not less than it is."""
    digits = 10.0 ** (2 - math.floor(math.log10(share)))
    return math.ceil(share * digits - 1e-9) / digits
