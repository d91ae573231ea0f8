"""What a network cannot be asked for, and why."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from cari_keras.errors import ConfigError
from cari_keras.serving.endpoints import EMBEDDING, IDENTITIES
from cari_keras.vocabulary import CARICATURE, PHOTO, VERIFY_BY, check_modality, check_word

#: A second image's modality, and what is compared -> the endpoint that compares it with a photo.
VERIFY_WITH = {
    (CARICATURE, EMBEDDING): "verify",
    (PHOTO, EMBEDDING): "verify_photos",
    (CARICATURE, IDENTITIES): "verify_identities",
}


def endpoint_of(modality: str, by: str) -> str:
    """The endpoint that compares a photo with an image of a modality, by what is named.

    Raises:
        ConfigError: There is no such modality or comparison.
    """
    check_pair(modality, by)
    if (modality, by) not in VERIFY_WITH:
        raise ConfigError(f"two {modality}s are compared by {EMBEDDING}, not by {by}")
    return VERIFY_WITH[modality, by]


def check_pair(modality: str, by: str) -> None:
    """Raises ConfigError for what is no modality of a second image, or no comparison."""
    check_modality(modality, "two photos have another threshold than a photo and a caricature")
    check_word("by", by, VERIFY_BY)


def check_as_many(photos: Sized, others: Sized, modality: str) -> None:
    """Raises ConfigError unless there are as many of each."""
    if len(photos) != len(others):
        raise ConfigError(
            f"as many photos as {modality}s are compared. Received: {len(photos)} and {len(others)}"
        )


def why_lacking(
    branch: str, endpoint: str, branches: Sequence[str], endpoints: Sequence[str], lacks: str
) -> str:
    """Why a network has no such endpoint, in one line with the remedy.

    Args:
        branch: Whose endpoint it would be.
        endpoint: It.
        branches: Those that the network has.
        endpoints: Those that the branch has.
        lacks: What kept the network from having thresholds, see `FaceModel`.
    """
    if branch not in branches:
        return (
            f"the network has no branch for {branch}, only for {', '.join(branches)}; "
            f"cari-train trains one, with {branch} among its --tasks"
        )
    has = {name: key for key, name in VERIFY_WITH.items()}
    others = [has[name] for name in endpoints if name in has]
    if others and endpoint in has and has[endpoint][1] == IDENTITIES:
        return (
            f"the network has no threshold by {IDENTITIES}, only by {EMBEDDING}; its run "
            f"verifies by {EMBEDDING}, or has no validation pairs"
        )
    if others:
        asked, there = (
            "two photos" if modality == PHOTO else f"a photo and a {modality}"
            for modality in (has[endpoint][0], others[0][0])
        )
        return f"the network has no threshold for {asked}, only for {there} (facenet has both)"
    why = lacks or (
        "its dataset was missing or has no validation pairs, or the network was trained "
        "on them (name a run with thresholds_of)"
    )
    return f"the network has no threshold, and so no {endpoint}: {why}"
