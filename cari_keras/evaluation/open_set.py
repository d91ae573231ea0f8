"""Open-set identification: when the best identity is good enough, and how often strangers get one.

Terms are those of ISO/IEC 19795: FPIR, the false-positive identification rate, is the share of
strangers' images that are taken for somebody; TPIR, the true-positive identification rate, is the
share of known people's images that are taken for somebody, and for the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.evaluation.curves import float32_at_most, threshold_at_far
from cari_keras.evaluation.resampling import subject_folds

#: The share of strangers' images to accept where nothing else is asked for.
FPIR = 0.05


class OpenSet(NamedTuple):
    """A threshold on the best identity's score, and what it does.

    Attributes:
        threshold: The smallest score that makes its identity the answer; a float32 value.
        fpir: Share of the strangers' images that it accepts, of those it was chosen on.
        fpir_unseen: The same on strangers whom it was not chosen on: thresholds are taken from each
            half of the strangers in turn and tried on the other. What to expect of new strangers.
        tpir: Share of known people's images that it accepts and that are named rightly; None where
            the network was trained on all there are.
        closed_set: Share of them that are named rightly without a threshold; None likewise.
        strangers: How many people they were.
        stranger_images: How many images.
        known_images: How many images of known people.
    """

    threshold: float
    fpir: float
    fpir_unseen: float
    tpir: Optional[float]
    closed_set: Optional[float]
    strangers: int
    stranger_images: int
    known_images: int

    @property
    def fnir(self) -> Optional[float]:
        """1 - `tpir`, the false-negative identification rate."""
        return None if self.tpir is None else 1.0 - self.tpir


def threshold_at_fpir(stranger_scores: Array, fpir: float) -> float:
    """The smallest threshold, as a float32 value, that at most `fpir` of the scores reach.

    It lies just above the score of the first stranger that must be rejected.

    Args:
        stranger_scores: float [n], n > 0.
        fpir: In (0, 1].
    """
    scores = -np.asarray(stranger_scores, np.float64)
    negated = threshold_at_far(scores, np.zeros(len(scores), bool), fpir)
    if np.isinf(negated):  # all may pass
        return float(np.min(stranger_scores))
    return -float32_at_most(negated)


def open_set(
    scores: Array,
    right: Array,
    stranger_scores: Array,
    strangers: Union[Sequence[Any], Array],
    fpir: Optional[float] = None,
) -> OpenSet:
    """Chooses a threshold on strangers, and measures its effect on them and on known people.

    Args:
        scores: The best identity's score for each image of known people, float32 [n]; n may be 0.
        right: Whether that identity is the right one, bool [n].
        stranger_scores: The best identity's score for each image of strangers, float32 [m].
        strangers: Who each stranger is, [m].
        fpir: The largest share of strangers' images to accept; None takes `FPIR`, or one image
            where that is less than one.

    Raises:
        ConfigError: `fpir` is not in (0, 1], fewer images of strangers than 1 / fpir are there, or
            fewer than two strangers.
    """
    people, count = np.unique(np.asarray(strangers)), len(stranger_scores)
    if fpir is None:
        fpir = max(FPIR, 1 / max(count, 1))
    if not 0 < fpir <= 1:
        raise ConfigError(f"fpir must be in (0, 1]. Received: {fpir}")
    if len(people) < 2 or count * fpir < 1:
        raise ConfigError(
            f"an FPIR of {fpir:g} cannot be measured on {count} images of {len(people)} "
            f"strangers; at least two people and {int(np.ceil(1 / fpir))} images are "
            "needed"
        )
    threshold = threshold_at_fpir(stranger_scores, fpir)
    half = subject_folds(strangers, 2, seed=0)
    accepted = np.zeros(count, bool)
    for fold in (0, 1):
        others = threshold_at_fpir(stranger_scores[half != fold], fpir)
        accepted[half == fold] = stranger_scores[half == fold] >= others
    return OpenSet(
        threshold=threshold,
        fpir=float(np.mean(stranger_scores >= threshold)),
        fpir_unseen=float(np.mean(accepted)),
        tpir=float(np.mean((scores >= threshold) & right)) if len(right) else None,
        closed_set=float(np.mean(right)) if len(right) else None,
        strangers=len(people),
        stranger_images=count,
        known_images=len(scores),
    )
