"""Folders that cari-align wrote, as datasets read them: faces instead of raw pictures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import AlignError, DatasetError
from cari_keras.images.names import one_spelling
from cari_keras.records.manifest import (
    ALIGNED,
    FOLDER,
    INDEX,
    JOURNAL,
    MANIFEST,
    REMEDY,
    SCHEMA_VERSION,
    read_manifest,
    record_name,
    short_reason,
)
from cari_keras.records.sample import Sample
from cari_keras.records.shards import Places, ends_at, read_face


@dataclass(frozen=True)
class AlignedFace:
    """One face.

    Attributes:
        path: Its name in the records: the raw picture's path, numbered from the second face on.
        identity: The person.
        modality: `"photo"` or `"caricature"`.
        sha256: Of the raw picture's file.
    """

    path: str
    identity: str
    modality: str
    sha256: str


@dataclass(frozen=True)
class AlignedFolder:
    """An aligned folder's content.

    Attributes:
        layout: The raw folder's, see `cari_keras.images.layouts`.
        faces: By path.
        rejected: Reason to number of raw files.
        records: Where the images are.
        fingerprint: Changes whenever the content does.
    """

    layout: str
    faces: list[AlignedFace]
    rejected: dict[str, int]
    records: AlignedRecords
    fingerprint: str


@dataclass(frozen=True)
class AlignedRecords:
    """The faces of an aligned folder, where their records are.

    Attributes:
        root: The folder of the files of records.
        image_size: Side of the images in pixels.
        settings: How they were cut out, see `align.config.AlignConfig`.
        places: A face's path to its file's name and its offset there.
    """

    root: Path
    image_size: int
    settings: Mapping[str, Any]
    places: Mapping[str, tuple[str, int]]

    def load(self, path: str) -> Array:
        """One face, uint8 RGB [image_size, image_size, 3]."""
        name, offset = self.places[path]
        return read_face(self.root / name, offset)

    def places_of(self, samples: Sequence[Sample], labels: Mapping[str, int]) -> Places:
        """Where some of the faces are, in the order of the files.

        Args:
            samples: Which.
            labels: Each person's label.
        """
        found = sorted((*self.places[s.path], labels[s.identity]) for s in samples)
        names = sorted({name for name, _, _ in found})
        number = {name: i for i, name in enumerate(names)}
        return Places(
            tuple(str(self.root / name) for name in names),
            np.array([number[name] for name, _, _ in found], np.int32),
            np.array([offset for _, offset, _ in found], np.int64),
            np.array([label for *_, label in found], np.int32),
        )


def is_aligned(folder: Path) -> bool:
    """Whether cari-align wrote a folder, be it to its end or not; no where it cannot be read."""
    try:
        return any((folder / name).is_file() for name in (MANIFEST, JOURNAL))
    except PermissionError:  # whoever lists the folder says so
        return False


def read_aligned(folder: Path) -> AlignedFolder:
    """Reads what an aligned folder holds.

    Raises:
        DatasetError: cari-align has not finished it, it is of another version, or shards of it are
            missing or cut short.
        AlignError: Its manifest is damaged.
    """
    index = folder / INDEX
    try:
        text = index.read_text(encoding="utf-8")
        content = json.loads(text)
        version, settings = content["schema_version"], content["settings"]
        size, layout = settings["image_size"], settings["layout"]
        listed = sum(found.get("faces", 0) for found in content["counts"].values())
    except OSError as error:
        raise DatasetError(f"{folder}: not finished; run cari-align on it again") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{index}: damaged ({error}); run cari-align --overwrite") from error
    if version != SCHEMA_VERSION:
        raise DatasetError(f"{index}: has another version, {version}; run cari-align --overwrite")
    faces, places = [], {}
    rejected: Counter[str] = Counter()
    for row in read_manifest(folder):
        if row["status"] != ALIGNED:
            rejected[short_reason(row)] += 1
            continue
        try:
            path, offset = record_name(row["path"], int(row["face"])), int(row["offset"])
        except ValueError as error:
            raise AlignError(f"{folder / MANIFEST}: damaged ({error}); {REMEDY}") from error
        faces.append(AlignedFace(path, row["identity"], row["modality"], row["sha256"]))
        places[path] = (row["shard"], offset)
    spelling = one_spelling(face.identity for face in faces)  # of before there was but one
    faces = [replace(face, identity=spelling[face.identity]) for face in faces]
    written = (folder / MANIFEST).read_bytes()
    if len(faces) != listed or not written.endswith(b"\n"):
        raise AlignError(
            f"{folder / MANIFEST}: damaged ({len(faces)} of {listed} faces intact); {REMEDY}"
        )
    for shard, offset in dict(sorted(places.values())).items():  # each shard's last
        if not ends_at(folder / FOLDER / shard, offset):
            raise DatasetError(
                f"{folder / FOLDER / shard}: missing or cut short; copy it again, or run "
                "cari-align --overwrite"
            )
    digest = hashlib.sha256(written + text.encode())
    records = AlignedRecords(folder / FOLDER, size, settings, places)
    return AlignedFolder(layout, faces, dict(rejected), records, digest.hexdigest())
