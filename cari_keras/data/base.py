"""What every dataset offers: samples with identity and modality, splits, verification pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from cari_keras.data.pictures import RefusedError, decode_image
from cari_keras.errors import DatasetError

PHOTO = "photo"
CARICATURE = "caricature"
MODALITIES = (PHOTO, CARICATURE)

#: The split of strangers' images, that networks must not take for anybody they know.
UNKNOWN = "unknown"

#: In the message of a file that the system does not give.
CANNOT_BE_READ = "cannot be read"

#: A remedy where a dataset's folder is not there.
MOVED = "name it with --data-dir if it has moved"

Keypoints = tuple[tuple[float, float], ...]


def modalities_of(tasks: Sequence[str]) -> tuple[str, ...]:
    """The modalities that some tasks look at: only their own for the identification tasks."""
    return MODALITIES if "verification" in tasks else tuple(m for m in MODALITIES if m in tasks)


@dataclass(frozen=True)
class Sample:
    """One image of one face.

    Attributes:
        path: The image's name within its dataset, unique, with forward slashes.
        identity: The person's name, one of the dataset's `identities`.
        modality: `"photo"` or `"caricature"`.
        source: Where the bytes are: a file's path, or empty where the dataset draws its images.
        keypoints: Five points (left eye, right eye, nose, left and right mouth corner; left and
            right as seen by the viewer) as (x, y) fractions of width and height, or None.
    """

    path: str
    identity: str
    modality: str
    source: str = ""
    keypoints: Optional[Keypoints] = None


@dataclass(frozen=True)
class Pair:
    """A verification pair by its samples' paths; across modalities the caricature is first."""

    first: str
    second: str
    same: bool


class Gallery(NamedTuple):
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
class Records:
    """Images that are TFRecords already, with those of all splits together.

    Attributes:
        root: The folder of the shards.
        image_size: Side of the images in pixels.
        settings: How they were cut out, see `align.config.AlignConfig`.
        shards: Modality to file names in `root`.
    """

    root: Path
    image_size: int
    settings: Mapping[str, Any]
    shards: Mapping[str, Sequence[str]]

    def load(self, path: str) -> np.ndarray:
        """The image of that path, uint8 RGB [image_size, image_size, 3]."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dataset:
    """Samples in named splits, with the pairs to verify on, and an account of what was found.

    Attributes:
        name: The registry's name of the dataset.
        identities: Names of the people to train on, in the order of their integer labels.
        splits: Split name -> samples: `train`, `validation`, `test` and `unknown`, those of them
            that the dataset has.
        pairs: Split name -> verification pairs over that split's samples.
        strangers: Names of people who are only evaluated; their labels follow those of the others.
        crossed: Splits of which every caricature is to be verified against every photo.
        galleries: Name -> gallery and probes, of the split that is evaluated.
        report: What was found, each kind of irregularity counted, in the order found.
        fingerprint: Changes whenever the bytes of any sample may have changed.
        records: Where the images are, if they need not be read from files and prepared.
    """

    name: str
    identities: tuple[str, ...]
    splits: Mapping[str, Sequence[Sample]]
    pairs: Mapping[str, Sequence[Pair]]
    report: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    records: Optional[Records] = None
    strangers: tuple[str, ...] = ()
    crossed: tuple[str, ...] = ()
    galleries: Mapping[str, Gallery] = field(default_factory=dict)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody in the order of their labels: the identities, then the strangers."""
        return self.identities + self.strangers

    @property
    def labels(self) -> dict[str, int]:
        """Each person's label."""
        return {person: label for label, person in enumerate(self.people)}

    def load(self, sample: Sample) -> np.ndarray:
        """Returns the sample's image, uint8 RGB [height, width, 3].

        Raises:
            DatasetError: The file is missing, empty or not an image.
        """
        return self.records.load(sample.path) if self.records else read_image(sample.source)

    def count(self, split: str, modality: str) -> int:
        """The number of samples of one modality in one split."""
        return sum(sample.modality == modality for sample in self.splits.get(split, ()))


def read_image(path: str) -> np.ndarray:
    """Reads an image file as uint8 RGB [height, width, 3].

    Raises:
        DatasetError: The file is missing, empty, or not a picture.
    """
    try:
        encoded = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {CANNOT_BE_READ} ({error.strerror})") from error
    try:
        return decode_image(encoded)
    except RefusedError as error:
        raise DatasetError(f"{path}: {error}; remove or replace it") from error


def check_trainable(dataset: Dataset, where: str) -> None:
    """Raises DatasetError unless there is something to train on: images of two identities."""
    train = dataset.splits.get("train", ())
    if not train:
        raise DatasetError(f"{where}: no training images found")
    identities = {sample.identity for sample in train}
    if len(identities) < 2:
        raise DatasetError(
            f"{where}: all training images are of one identity ({next(iter(identities))}); "
            "identification needs at least two"
        )
