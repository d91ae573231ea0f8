"""What every dataset provides: samples with identity and modality, splits, verification pairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Optional

from cari_keras.arrays import Array
from cari_keras.errors import DatasetError
from cari_keras.images.decode import RefusedError, decode_image, may_be_readable_later, read_bytes
from cari_keras.records.aligned import AlignedRecords
from cari_keras.records.manifest import read_manifest
from cari_keras.records.sample import Sample
from cari_keras.records.traits import Trait, face_traits
from cari_keras.vocabulary import check_modality
from cari_keras.wording import counts_behind

#: A remedy where a dataset's folder is not there.
MOVED = "name its folder with --data-dir if it has moved"


@dataclass(frozen=True)
class Pair:
    """A verification pair by its samples' paths; across modalities the caricature is first."""

    first: str
    second: str
    same: bool


class ProbeSearch(NamedTuple):
    """Identification without training: each probe's person is looked for in a gallery.

    Attributes:
        gallery: Paths of the gallery's images.
        probes: Paths of the probes.
    """

    gallery: tuple[str, ...]
    probes: tuple[str, ...]


class Batch(NamedTuple):
    """images float32 [N, S, S, 3] standardised; labels int32 [N]; is_caricature bool [N]."""

    images: Any
    labels: Any
    is_caricature: Any


@dataclass(frozen=True)
class Dataset:
    """Samples in named splits, with the pairs to verify on, and an account of what was found.

    Attributes:
        name: The registry's name of the dataset.
        identities: Names of the people to train on, in the order of their integer labels.
        splits: Split name -> samples: `train`, `validation`, `test`, `unknown` and `unseen`,
            those of them that the dataset has.
        pairs: Split name -> verification pairs over that split's samples.
        strangers: Names of people who are only evaluated; their labels follow those of the others.
        crossed: Splits of which every caricature is to be verified against every photo.
        galleries: Name -> gallery and probes, of the split that is evaluated.
        report: What was found, each kind of irregularity counted, in the order found.
        fingerprint: Changes whenever the bytes of any sample may have changed.
        records: Where the images are, if they need not be read from files and prepared.
        sharing: Names that share a picture; None where nobody has looked.
        whole: The dataset that people were held out of, see `data.unseen`.
        beside: The same dataset in other cuts, whose training images are trained on as well.
        instead: Images in another cut, which are looked at in the place of those of the same path.
            They are of one modality and of no training image.
        once: Whether the images are looked at a single time; they are then stored without loss.
    """

    name: str
    identities: tuple[str, ...]
    splits: Mapping[str, Sequence[Sample]]
    pairs: Mapping[str, Sequence[Pair]]
    report: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    records: Optional[AlignedRecords] = None
    strangers: tuple[str, ...] = ()
    crossed: tuple[str, ...] = ()
    galleries: Mapping[str, ProbeSearch] = field(default_factory=dict)
    sharing: Optional[tuple[tuple[str, ...], ...]] = None
    whole: Optional[Dataset] = None
    beside: Optional[Dataset] = None
    instead: Optional[Dataset] = None
    once: bool = False

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody in the order of their labels: the identities, then the strangers."""
        return self.identities + self.strangers

    @property
    def labels(self) -> dict[str, int]:
        """Each person's label."""
        return {person: label for label, person in enumerate(self.people)}

    def load(self, sample: Sample) -> Array:
        """Returns the sample's image, uint8 RGB [height, width, 3].

        Raises:
            DatasetError: The file is missing, empty or not an image.
        """
        if self.instead is not None and (other := self.instead.by_path.get(sample.path)):
            return self.instead.load(other)
        return self.records.load(sample.path) if self.records else self._read(sample)

    def _read(self, sample: Sample) -> Array:
        """The image of a sample that is no record; see `load`."""
        return read_image(sample.source)

    @cached_property
    def by_path(self) -> dict[str, Sample]:
        """Every sample by its path."""
        return {s.path: s for samples in self.splits.values() for s in samples}

    def traits(self, paths: Collection[str]) -> tuple[Trait, ...]:
        """What sorts some images into groups; an aligned folder's faces have size, pose and look.

        Args:
            paths: Of the samples that are asked about; others may have groups too.
        """
        if self.records is None:
            return ()
        return face_traits(read_manifest(self.records.root.parent))

    def count(self, split: str, modality: str) -> int:
        """The number of samples of one modality in one split.

        Raises:
            ConfigError: There is no such modality.
        """
        check_modality(modality)
        return sum(sample.modality == modality for sample in self.splits.get(split, ()))


def read_image(path: str) -> Array:
    """Reads an image file as uint8 RGB [height, width, 3].

    Raises:
        DatasetError: The file is missing, empty, or not a picture.
    """
    try:
        return decode_image(read_bytes(Path(path)))
    except RefusedError as error:
        remedy = "" if may_be_readable_later(str(error)) else "; remove or replace it"
        raise DatasetError(f"{path}: {error}{remedy}") from error


def check_trainable(dataset: Dataset, where: str) -> None:
    """Raises DatasetError unless there is something to train on: images of two identities."""
    train = dataset.splits.get("train", ())
    there = counts_behind(dataset.report)
    if not train:
        raise DatasetError(f"{where}: no training images found{there}")
    identities = {sample.identity for sample in train}
    if len(identities) < 2:
        raise DatasetError(
            f"{where}: all training images are of one identity ({next(iter(identities))}); "
            f"identification needs at least two{there}"
        )
