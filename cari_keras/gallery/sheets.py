"""Contact sheets of groups, from the thumbnails that a gallery keeps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.gallery.answers import Grouped
from cari_keras.gallery.looking import THUMBNAIL
from cari_keras.gallery.rows import FaceRow
from cari_keras.gallery.searching import Hit
from cari_keras.images.captions import Captioned, Line, sheet_of
from cari_keras.images.decode import decode_image
from cari_keras.images.encode import write_png
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.gallery.gallery import Gallery

#: Faces of a sheet, evenly over the group's.
MOST = 60


def write_sheets(found: Grouped, folder: Path) -> list[Path]:
    """Writes a PNG for each group, each atomically: `group-0001.png`, the name behind if known.

    Args:
        found: The groups.
        folder: Where to; made if it is not there.

    Returns:
        The files, in the order of the groups.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, name in enumerate(found.names):
        rows = np.flatnonzero(found.grouping.labels == number)
        shown = rows[np.arange(min(MOST, len(rows))) * len(rows) // min(MOST, len(rows))]
        title = [Line(name or f"group {number + 1}"), Line(counted(len(rows), "faces"), "faint")]
        cells = [_cell(found.rows[row], title if k == 0 else None) for k, row in enumerate(shown)]
        called = re.sub(r"[^\w.-]+", "_", name)[:60] if name else ""
        ending = f"-{called}" if called else ""
        path = folder / f"group-{number + 1:04d}{ending}.png"
        write_png(sheet_of(cells), path)
        paths.append(path)
    return paths


class Search(NamedTuple):
    """What was found for an image.

    Attributes:
        path: The image.
        face: What was looked for, uint8 RGB [s, s, 3].
        hits: The faces found.
    """

    path: str
    face: Array
    hits: list[Hit]


def write_found(gallery: Gallery, searches: Sequence[Search], path: Path) -> None:
    """Writes the faces found as a PNG, atomically; each image before what was found for it."""
    keys = [hit.row.key for search in searches for hit in search.hits]
    small = gallery.thumbnails(keys)
    cells = []
    for search in searches:
        cells.append(Captioned(search.face, [Line(Path(search.path).name), Line("looked for")]))
        for row, distance in search.hits:
            named = [Line(row.identity or Path(row.path).name), Line(row.modality, "faint")]
            face = thumbnail(row._replace(thumbnail=small[row.key]))
            cells.append(Captioned(face, [*named, Line(f"distance {distance:.3f}")]))
    write_png(sheet_of(cells), path)


def thumbnail(row: FaceRow) -> Array:
    """A face as the gallery keeps it, uint8 RGB [s, s, 3]; grey where it keeps none."""
    if row.thumbnail is None:
        return np.full((THUMBNAIL, THUMBNAIL, 3), 225, np.uint8)
    return decode_image(row.thumbnail)


def _cell(row: FaceRow, title: Optional[list[Line]]) -> Captioned:
    below = [Line(Path(row.path).name), Line(row.modality, "faint")]
    return Captioned(thumbnail(row), [*below, *(title or [])])
