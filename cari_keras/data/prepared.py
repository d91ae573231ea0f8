"""A prepared dataset: where the records of its images are, as training and evaluation read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cari_keras.data.base import Pair
from cari_keras.records.shards import Places
from cari_keras.vocabulary import MODALITIES


@dataclass(frozen=True)
class Prepared:
    """A dataset as training and evaluation read it.

    Attributes:
        root: The folder with the shards.
        name: The dataset's name.
        identities: Names in the order of their labels.
        image_size: Side of the stored images in pixels.
        places: Split -> modality -> where its records are, with their labels.
        pairs: Split -> verification pairs, those with an unreadable image left out.
        report: The dataset's account of what was found.
        skipped: One line for every image that could not be read.
        aligned: How cari-align cut the images out; empty where they are whole pictures. `whole` is
            the modality of those that are whole pictures though the others are not.
        paths: Split -> modality -> the names of `places`, in their order; empty where the images
            were records already.
    """

    root: Path
    name: str
    identities: tuple[str, ...]
    image_size: int
    places: Mapping[str, Mapping[str, Places]]
    pairs: Mapping[str, Sequence[Pair]]
    report: Mapping[str, int]
    skipped: Sequence[str]
    aligned: Mapping[str, Any] = field(default_factory=dict)
    paths: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> modality -> number of images."""
        return {
            split: {modality: len(there) for modality, there in of.items()}
            for split, of in self.places.items()
        }

    def of(self, split: str, modalities: Sequence[str] = MODALITIES) -> Places:
        """Where the records of a split are, one modality after the other."""
        there = self.places.get(split, {})
        return Places.join([there[m] for m in modalities if m in there])

    def count(self, split: str, modalities: Sequence[str] = MODALITIES) -> int:
        """The number of images of a split."""
        there = self.places.get(split, {})
        return sum(len(there[m]) for m in modalities if m in there)
