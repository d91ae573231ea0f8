"""How images without published lists are split, and verification pairs drawn of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from cari_keras.data.base import Pair
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import CARICATURE, PHOTO


def split_groups(
    samples: list[Sample], fraction: float, ordered: Callable[[list[Sample]], list[Sample]]
) -> dict[str, list[Sample]]:
    """Splits each (identity, modality) group on its own: `train` and `validation`.

    Args:
        samples: The images.
        fraction: The share of each group that goes to validation, rounded; not all of it.
        ordered: Puts a group, which comes by path, into the order whose beginning is held out.
    """
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: s.path):
        groups.setdefault((sample.identity, sample.modality), []).append(sample)
    splits: dict[str, list[Sample]] = {"train": [], "validation": []}
    for key in sorted(groups):
        group = ordered(groups[key])
        held_out = min(round(fraction * len(group)), len(group) - 1)
        splits["validation"] += group[:held_out]
        splits["train"] += group[held_out:]
    return splits


def by_hash(group: list[Sample], seed: int) -> list[Sample]:
    """By a hash of seed and path.

    A picture that comes or goes changes nothing for other people then, and for its own group the
    split of one other picture at most.
    """

    return sorted(group, key=lambda sample: drawn(sample.path, seed))


def drawn(name: str, seed: int) -> bytes:
    """What names are put into an order by that a seed decides, and other names do not."""
    return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogateescape")).digest()


def draw_pairs(samples: list[Sample], per_image: int, seed: int) -> list[Pair]:
    """Draws genuine and impostor caricature-photo pairs, half and half, without repeats.

    For every caricature: up to `per_image // 2` photos of the same person, and as many photos of
    other people, both uniformly at random. Without any caricature, the same for every photo, with
    the photos before it, so that no pair comes twice.
    """
    rng = np.random.default_rng([seed, 1])
    photos = [sample for sample in samples if sample.modality == PHOTO]
    caricatures = [sample for sample in samples if sample.modality == CARICATURE]
    owner = np.array([sample.identity for sample in photos])
    pairs = []
    for position, sample in enumerate(caricatures or photos):
        known = owner if caricatures else owner[:position]
        genuine = np.flatnonzero(known == sample.identity)
        impostor = np.flatnonzero(known != sample.identity)
        count = min(per_image // 2, len(genuine), len(impostor))
        for candidates, same in ((genuine, True), (impostor, False)):
            for index in rng.choice(candidates, count, replace=False) if count else ():
                pairs.append(Pair(sample.path, photos[index].path, same))
    return pairs
