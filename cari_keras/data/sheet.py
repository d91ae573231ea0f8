"""Contact sheets of the images that a network is trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import Dataset
from cari_keras.errors import DatasetError
from cari_keras.images.encode import resize
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import CARICATURE, PHOTO


def contact_sheet(
    dataset: Dataset,
    *,
    split: str = "train",
    identities: int = 8,
    photos: int = 5,
    caricatures: int = 5,
    size: int = 96,
) -> Array:
    """A row for each of some people: their photos, a gap, their caricatures.

    Args:
        dataset: Where images are read.
        split: Which of its splits.
        identities: The most rows; people with images of both modalities come first.
        photos: Photos in a row; places without an image stay white.
        caricatures: Caricatures in a row.
        size: Side of an image in pixels.

    Returns:
        uint8 RGB [rows * size, (photos + caricatures) * size + gap, 3].
    """
    found: dict[str, dict[str, list[Sample]]] = {}
    for sample in dataset.splits.get(split, ()):
        found.setdefault(sample.identity, {}).setdefault(sample.modality, []).append(sample)
    people = sorted(found, key=lambda name: (-len(found[name]), name))[:identities]
    gap = np.full((size, max(4, size // 12), 3), 255, np.uint8)
    rows = []
    for name in people:
        left, right = (found[name].get(modality, []) for modality in (PHOTO, CARICATURE))
        cells = [*_row(dataset, left, photos, size), gap, *_row(dataset, right, caricatures, size)]
        rows.append(np.hstack(cells))
    return np.vstack(rows)


def _row(dataset: Dataset, samples: Sequence[Sample], count: int, size: int) -> Sequence[Array]:
    """The first `count` readable images, filled up with white ones."""
    images: list[Array] = []
    for sample in samples:
        if len(images) == count:
            break
        try:
            images.append(resize(dataset.load(sample), size))
        except DatasetError:
            continue  # counted and listed by the preparation
    return images + [np.full((size, size, 3), 255, np.uint8)] * (count - len(images))
