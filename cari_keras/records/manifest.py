"""The files of an aligned folder beside its records, and their names.

The manifest has one row for every file that was met, or for each of its faces.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cari_keras.errors import AlignError
from cari_keras.files import atomic_path

#: The folder of the files of records.
FOLDER = "records"

MANIFEST = "manifest.csv"
SHEET = "contact_sheet.png"

#: Counts, settings and shards; written last and removed first: where it is, the rest is whole.
INDEX = "dataset.json"
SCHEMA_VERSION = 1

#: What cari-align knows of the folder, there from its first moment on.
JOURNAL = ".journal.sqlite"

ALIGNED, REJECTED = "aligned", "rejected"

#: The reason of pictures in which no face was found.
NO_FACE = "no face found"

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")

#: `face` numbers the faces kept of one picture from 0; left and right are the viewer's; boxes and
#: keypoints are in pixels, of the raw picture and, with `crop_`, of the crop.
COLUMNS = (
    *("path", "identity", "modality", "status", "reason", "source", "face"),
    *("left", "top", "right", "bottom", "confidence"),
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),
    *(f"crop_{point}_{axis}" for point in POINTS for axis in "xy"),
    *("width", "height", "sha256", "shard", "offset"),
)

REMEDY = "remove it and dataset.json, and run cari-align again"

ManifestRow = dict[str, Any]


def record_name(path: str, face: int) -> str:
    """The name of a face in the records: its picture's, numbered from the second face on."""
    return f"{path}#{face}" if face else path


def short_reason(row: ManifestRow) -> str:
    """Why a file was rejected, without the figures in brackets."""
    return str(row["reason"]).split(" (")[0]


def write_manifest(folder: Path, rows: Iterable[ManifestRow]) -> None:
    """Writes the rows atomically; what a row does not have stays empty.

    Names whose bytes are not UTF-8 are written as those bytes.
    """
    with (
        atomic_path(folder / MANIFEST) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        # With "\n" alone, older Pythons do not quote a "\r" in a name, and reading cuts it there.
        writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)


def read_manifest(folder: Path) -> Iterator[ManifestRow]:
    """The rows of an aligned folder, every value as text.

    Raises:
        AlignError: The manifest is missing, or not one, or a row is not whole.
    """
    path = folder / MANIFEST
    try:
        stream = path.open(encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise AlignError(f"{path}: cannot be read ({error.strerror})") from error
    with stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise AlignError(f"{path}: not a manifest of this version; {REMEDY}")
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise AlignError(f"{path}: damaged in line {reader.line_num}; {REMEDY}")
                yield row
        except csv.Error as error:
            raise AlignError(f"{path}: damaged ({error}); {REMEDY}") from error
