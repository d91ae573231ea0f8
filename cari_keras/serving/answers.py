"""What a network says of images: of a pair, and of who is on one."""

from __future__ import annotations

from typing import NamedTuple, Optional

from cari_keras.serving.calibration import VALIDATION_PAIRS
from cari_keras.vocabulary import VERIFY_BY


class Verification(NamedTuple):
    """Whether two images show one person.

    Attributes:
        same: The decision; None where the network's pairs cannot support one, see `why`.
        distance: Squared L2, 0 to 4.
        threshold: The largest distance that is called the same.
        far: Share of impostor pairs, of those in `measured_on`, that this threshold accepts: of
            people it was not chosen on where that is known, else of those it was chosen on.
        measured_on: Which pairs the threshold was measured on.
        by: What was compared: `embedding`, or `identities`, what the network says of the people it
            knows.
        probability: That it is one person, in [0, 1], at a prior of 50 %: where as many of the
            pairs that are asked about are of one person as of two. None where it is not known.
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


class Told(NamedTuple):
    """What is known of an endpoint of pairs besides what it answers: fields of `Verification`."""

    measured_on: str = VALIDATION_PAIRS
    by: str = VERIFY_BY[0]
    why: Optional[str] = None


class Candidate(NamedTuple):
    """An identity that an image may show.

    Attributes:
        identity: Its name.
        probability: In [0, 1], over the identities that the network knows.
    """

    identity: str
    probability: float


class Identification(NamedTuple):
    """Who is on an image, as far as a network can tell.

    Attributes:
        candidates: Up to five identities, best first.
        known: Whether `score` reaches the threshold; None without one, which is where the dataset
            has no images of strangers.
        score: How far the best one stands out from all identities.
        threshold: The smallest score that counts as known.
        fpir: Share of strangers' images that reach this threshold, of strangers that it was not
            chosen on.
    """

    candidates: list[Candidate]
    known: Optional[bool] = None
    score: Optional[float] = None
    threshold: Optional[float] = None
    fpir: Optional[float] = None

    @property
    def identity(self) -> Optional[str]:
        """The best identity; None where the image shows nobody that the network knows."""
        return None if self.known is False else self.candidates[0].identity
