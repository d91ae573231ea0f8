"""Identification by a gallery: Rank-k and CMC, pure functions of distances and identities.

The protocol of C2P and P2C: a probe is compared with every image of the gallery; an identity is as
near as the nearest of its images; the probe's rank is its own identity's place among all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.verification import exact

Names = Union[Sequence[Any], Array]


def found_within(distances: Array, probes: Names, gallery: Names) -> Array:
    """Whether each probe's identity is among the k nearest, for every k.

    Identities at exactly the same distance as the right one come before and after it in all orders
    alike: their expectation is taken, so ties neither help nor harm.

    Args:
        distances: float [p, g], of each probe to each image of the gallery.
        probes: The p probes' identities.
        gallery: The g gallery images' identities; there may be several images of one.

    Returns:
        float64 [K, p] for the K identities of the gallery: row k - 1 is of the k nearest; 0 or 1,
        between them where ties decide.

    Raises:
        ValueError: Shapes do not fit, a distance is NaN, there is no probe, or a probe's identity
            is not in the gallery.
    """
    distances = exact(distances)
    names, image_of = np.unique(np.asarray(gallery), return_inverse=True)
    if distances.shape != (len(probes), len(gallery)) or not len(probes):
        raise ValueError(
            f"distances must be [{len(probes)} probes, {len(gallery)} gallery images], with at "
            f"least one probe. Received: {distances.shape}"
        )
    own = np.searchsorted(names, np.asarray(probes)).clip(max=len(names) - 1)
    strangers = names[own] != np.asarray(probes)
    if strangers.any():
        raise ValueError(
            f"{int(strangers.sum())} probes show nobody in the gallery; the first is "
            f"{np.asarray(probes)[strangers][0]!r}"
        )
    nearest = np.full((len(names), len(probes)), np.inf)
    np.minimum.at(nearest, image_of, distances.T)
    right = nearest[own, np.arange(len(probes))]
    nearer = np.sum(nearest < right, axis=0)
    level = np.sum(nearest == right, axis=0)  # the right one among them
    # Of `level` equally likely places from nearer + 1 on, how many are at most k.
    ranks = np.arange(1, len(names) + 1)[:, np.newaxis]
    return np.clip((ranks - nearer) / level, 0.0, 1.0)


def cmc(distances: Array, probes: Names, gallery: Names) -> Array:
    """The cumulative match characteristic: the mean of `found_within` over the probes.

    Returns:
        float64 [K] for the K identities of the gallery: place k - 1 holds Rank-k, the share of
        probes whose identity is among the k nearest.

    Raises:
        ValueError: As for `found_within`.

    Example:
        >>> cmc(np.array([[0.1, 0.5], [0.2, 0.3]]), ["a", "b"], ["a", "b"]).tolist()
        [0.5, 1.0]
    """
    return np.mean(found_within(distances, probes, gallery), axis=1)


def rank(distances: Array, probes: Names, gallery: Names, k: int) -> float:
    """Rank-k: the share of probes whose identity is among the k nearest; see `cmc`.

    With fewer identities than k it is 1.

    Raises:
        ValueError: As for `cmc`, or k is less than 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1. Received: {k}")
    curve = cmc(distances, probes, gallery)
    return float(curve[min(k, len(curve)) - 1])
