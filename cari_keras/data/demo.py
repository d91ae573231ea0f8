"""The embedded demo: people, their photographs and caricatures, all drawn by this package."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Union

import numpy as np

from cari_keras import drawn
from cari_keras.arrays import Array
from cari_keras.data.base import Dataset
from cari_keras.data.splits import draw_pairs, split_groups
from cari_keras.drawn.caricature import CaricaturePlan
from cari_keras.drawn.photo import PhotoPlan
from cari_keras.drawn.styles import STYLES
from cari_keras.errors import ConfigError
from cari_keras.records.sample import Sample
from cari_keras.records.traits import Trait
from cari_keras.vocabulary import CARICATURE, MODALITIES, PHOTO, UNKNOWN

Plan = Union[PhotoPlan, CaricaturePlan]


@dataclass(frozen=True)
class DemoDataset(Dataset):
    """A dataset whose images are drawn when they are asked for.

    Attributes:
        size: Side of the drawn images in pixels.
        seed: Decides who the people are and every picture of them.
    """

    size: int = 96
    seed: int = 0

    def load(self, sample: Sample) -> Array:
        """Draws the sample's image, uint8 RGB [size, size, 3]."""
        plan = _plan_of(self.seed, sample)
        if isinstance(plan, PhotoPlan):
            return drawn.draw_photo(plan, self.size)
        return drawn.draw_caricature(plan, self.size)

    def traits(self, paths: Collection[str]) -> tuple[Trait, ...]:
        """The styles that the caricatures are drawn in."""
        asked, styles = set(paths), {}
        for samples in self.splits.values():
            for sample in samples:
                if sample.modality == CARICATURE and sample.path in asked:
                    plan = _plan_of(self.seed, sample)
                    assert isinstance(plan, CaricaturePlan)
                    styles[sample.path] = plan.style
        return (Trait("style", tuple(STYLES), styles),)


def load(
    *, identities: int = 20, photos: int = 30, caricatures: int = 30, size: int = 96, seed: int = 0
) -> DemoDataset:
    """Describes a demo dataset; nothing is drawn yet.

    A fifth of each person's photos and caricatures is for validation. For every four people there
    is a stranger, of whom there are as many images as an identity has for validation.

    Args:
        identities: Number of people.
        photos: Photos of each person.
        caricatures: Caricatures of each person.
        size: Side of the images in pixels.
        seed: Decides everything; another seed gives other people.

    Raises:
        ConfigError: Fewer than two people, fewer than two images of each, or a size below 32.
    """
    for name, value, least in (
        ("identities", identities, 2),
        ("photos", photos, 2),
        ("caricatures", caricatures, 2),
        ("size", size, 32),
    ):
        if value < least:
            raise ConfigError(f"demo: {name} must be at least {least}. Received: {value}")
    counts = {PHOTO: photos, CARICATURE: caricatures}
    samples = [
        _sample(seed, person, modality, image)
        for modality in MODALITIES
        for person in range(identities)
        for image in range(counts[modality])
    ]
    strangers = [
        _sample(seed, person, modality, image)
        for modality in MODALITIES
        for person in range(identities, identities + identities // 4)
        for image in range(-(-counts[modality] // 5))
    ]
    rng = np.random.default_rng(seed)

    def shuffled(group: list[Sample]) -> list[Sample]:
        return [group[i] for i in rng.permutation(len(group))]

    splits = split_groups(samples, 0.2, shuffled)
    if strangers:
        splits[UNKNOWN] = strangers
    description = repr((drawn.DRAWING_VERSION, identities, photos, caricatures, size, seed))
    return DemoDataset(
        name="demo",
        identities=tuple(sorted({sample.identity for sample in samples})),
        strangers=tuple(sorted({sample.identity for sample in strangers})),
        splits=splits,
        pairs={"validation": draw_pairs(splits["validation"], 10, seed)},
        fingerprint=hashlib.sha256(description.encode()).hexdigest(),
        size=size,
        seed=seed,
    )


def _sample(seed: int, person: int, modality: str, image: int) -> Sample:
    name = f"person_{person:03d}"
    keypoints = _plan(seed, person, modality, image).face.keypoints
    return Sample(f"{modality}/{name}/{image:03d}.png", name, modality, keypoints=keypoints)


def _plan_of(seed: int, sample: Sample) -> Plan:
    person, image = int(sample.identity.split("_")[1]), int(sample.path.split("/")[2][:-4])
    return _plan(seed, person, sample.modality, image)


def _plan(seed: int, person: int, modality: str, image: int) -> Plan:
    """Each picture has a generator of its own, so that it does not depend on any other."""
    identity = drawn.sample_identity(np.random.default_rng([seed, 1, person]))
    rng = np.random.default_rng([seed, 2, person, MODALITIES.index(modality), image])
    if modality == PHOTO:
        return drawn.plan_photo(identity, rng)
    return drawn.plan_caricature(identity, rng)
