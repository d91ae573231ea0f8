"""A network's answers: whether a pair shows one person, and whom an image shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from cari_keras.cards import card
from cari_keras.evaluation.probability import ProbabilityCurve
from cari_keras.serving.calibration import VALIDATION_PAIRS, curve_of
from cari_keras.vocabulary import VERIFY_BY
from cari_keras.wording import counted


class Verification(NamedTuple):
    """Whether two images show one person.

    Attributes:
        same: The decision; None where the network's pairs cannot support one, see `why`.
        distance: Squared L2, 0 to 4.
        threshold: The largest distance that counts as the same person.
        far: Share of the impostor pairs in `measured_on` that this threshold accepts, in [0, 1].
            Where it is known, the share on people whom the threshold was not chosen on.
        measured_on: Which pairs the threshold was measured on.
        by: What was compared: `embedding`, or `identities`, the network's predictions of the people
            it knows.
        probability: Probability of one person, in [0, 1], at a prior of 50 %: half of all pairs
            show one person. None where it is not known.
        why: Why there is no decision, in one line; None where there is one.
    """

    same: Optional[bool]
    distance: float
    threshold: float
    far: float
    measured_on: str = VALIDATION_PAIRS
    by: str = VERIFY_BY[0]
    probability: Optional[float] = None
    why: Optional[str] = None

    def __str__(self) -> str:
        """The answer in a line.

        Example:
            >>> print(Verification(True, 0.71, 1.02, 0.01, probability=0.97))
            the same person: distance 0.710, threshold 1.020, probability 0.97
        """
        return ", ".join([f"{self.verdict}: distance {self.distance:.3f}", *self._rest()])

    def _repr_html_(self) -> str:
        """The answer as a small card, for notebooks."""
        return card(self.verdict, [f"distance {self.distance:.3f}", *self._rest()], self.same)

    @property
    def verdict(self) -> str:
        """The decision in words."""
        if self.same is None:
            return "no decision"
        return "the same person" if self.same else "two people"

    def _rest(self) -> list[str]:
        rest = [f"threshold {self.threshold:.3f}"] if self.same is not None else []
        if self.probability is not None:
            rest.append(f"probability {self.probability:.2f}")
        return rest if self.why is None else [*rest, self.why]


class Limit(NamedTuple):
    """A threshold that a network decides by.

    Attributes:
        threshold: For pairs, the largest squared distance that counts as the same person, 0 to 4.
            For identification, the smallest score that counts as known.
        measured_on: The pairs, or images of strangers, that the threshold was measured on.
        far: For pairs, as `Verification.far`; None for identification.
        fpir: For identification, as `Identification.fpir`; None for pairs.
        by: For pairs, what is compared: `embedding` or `identities`; None for identification.
        why: Why the network does not decide, in one line; None where it does.
        curve: For pairs, from squared distances to probabilities of one person; None where it is
            not known, and for identification.
    """

    threshold: float
    measured_on: str
    far: Optional[float] = None
    fpir: Optional[float] = None
    by: Optional[str] = None
    why: Optional[str] = None
    curve: Optional[ProbabilityCurve] = None

    def __str__(self) -> str:
        """The threshold in a line.

        Example:
            >>> print(Limit(1.02, "validation pairs", far=0.01, by="embedding"))
            same up to a squared distance of 1.020; FAR 1.00 %, measured on validation pairs
        """
        if self.why is not None:
            return f"no decision: {self.why}"
        on = f"measured on {self.measured_on}"
        if self.fpir is not None:
            return f"known from a score of {self.threshold:.3f}; FPIR {100 * self.fpir:.2f} %, {on}"
        far = "" if self.far is None else f"FAR {100 * self.far:.2f} %, "
        return f"same up to a squared distance of {self.threshold:.3f}; {far}{on}"

    def _repr_html_(self) -> str:
        """The threshold as a small card, for notebooks."""
        return card(f"threshold {self.threshold:.3f}", [str(self)])


def limit_of_pairs(stored: Mapping[str, Any], by: str) -> Limit:
    """The threshold of pairs from the fields of a `Calibration`, perhaps of an older version."""
    unseen = stored.get("far_unseen")
    return Limit(
        float(stored["threshold"]),
        str(stored.get("measured_on", VALIDATION_PAIRS)),
        far=float(stored["far"] if unseen is None else unseen),
        by=str(stored.get("by", by)),
        why=stored.get("undecided"),
        curve=curve_of(stored.get("slope"), stored.get("intercept")),
    )


def limit_of_images(stored: Mapping[str, Any]) -> Limit:
    """The threshold of identification from the fields of an `OpenSet`."""
    images = counted(stored["stranger_images"], "images")
    strangers = counted(stored["strangers"], "strangers")
    return Limit(
        float(stored["threshold"]), f"{images} of {strangers}", fpir=float(stored["fpir_unseen"])
    )


class Candidate(NamedTuple):
    """An identity that an image may show.

    Attributes:
        identity: Its name.
        probability: In [0, 1], over the identities that the network knows.
    """

    identity: str
    probability: float


class Identification(NamedTuple):
    """Whom an image shows, as far as a network can tell.

    Attributes:
        candidates: Up to five identities, likeliest first.
        known: Whether `score` reaches the threshold; None without a threshold, as where the dataset
            has no images of strangers.
        score: How far the best identity stands out from all identities.
        threshold: The smallest score that counts as known.
        fpir: Share of strangers' images that reach this threshold, measured on strangers whom it
            was not chosen on.
    """

    candidates: list[Candidate]
    known: Optional[bool] = None
    score: Optional[float] = None
    threshold: Optional[float] = None
    fpir: Optional[float] = None

    def __str__(self) -> str:
        """The answer in a line.

        Example:
            >>> print(Identification([Candidate("ann", 0.9), Candidate("bob", 0.05)]))
            ann (90 %), bob (5 %)
        """
        listed = ", ".join(self._listed())
        return f"unknown; the nearest: {listed}" if self.known is False else listed

    def _repr_html_(self) -> str:
        """The answer as a small card, for notebooks."""
        return card(self.identity or "unknown", self._listed(), self.known)

    def _listed(self) -> list[str]:
        return [f"{c.identity} ({100 * c.probability:.0f} %)" for c in self.candidates]

    @property
    def identity(self) -> Optional[str]:
        """The best identity; None where the image shows nobody that the network knows."""
        return None if self.known is False else self.candidates[0].identity
