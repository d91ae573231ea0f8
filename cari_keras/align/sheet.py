"""The contact sheet: crops of every modality and source with their keypoints, and what was refused.

Both are chosen evenly over the folder, so the sheet is the same for the same folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from cari_keras.align.config import AlignConfig
from cari_keras.align.counts import NOWHERE, SOURCES
from cari_keras.arrays import Array
from cari_keras.images.decode import RefusedError, read_picture
from cari_keras.images.encode import resize, write_png
from cari_keras.records.manifest import (
    ALIGNED,
    FOLDER,
    NO_FACE,
    POINTS,
    SHEET,
    ManifestRow,
    short_reason,
)
from cari_keras.records.shards import read_face
from cari_keras.vocabulary import MODALITIES

CELL, PER_ROW, ROWS = 112, 12, 3
_HEADING = 22
_COLORS = ((255, 80, 80), (80, 160, 255), (80, 220, 80), (255, 200, 0), (230, 90, 230))


def write_sheet(
    folder: Path, raw: Path, config: AlignConfig, rows: Callable[[], Iterable[ManifestRow]]
) -> None:
    """Writes contact_sheet.png, atomically.

    Args:
        folder: The aligned folder.
        raw: The raw one.
        config: The settings.
        rows: Gives the manifest's rows; called twice, so that not all of them need be held.
    """
    counts = Counter(map(_group, rows()))
    groups = _spread(rows(), counts, PER_ROW * ROWS)
    parts = []
    for modality in (*MODALITIES, NOWHERE):
        for kind in (*SOURCES, "rejected"):
            chosen = groups.get((modality, kind), [])
            if not chosen:
                continue
            cells = [_cell(folder, raw, config, row) for row in chosen]
            parts.append(_heading(f"{modality}, {kind}: {counts[modality, kind]}"))
            parts += [_line(cells[i : i + PER_ROW]) for i in range(0, len(cells), PER_ROW)]
    if parts:
        write_png(np.vstack(parts), folder / SHEET)


def _group(row: ManifestRow) -> tuple[str, str]:
    kind = row["source"] if row["status"] == ALIGNED else "rejected"
    return row["modality"] or NOWHERE, kind


def _spread(
    rows: Iterable[ManifestRow], counts: Counter[tuple[str, str]], most: int
) -> dict[tuple[str, str], list[ManifestRow]]:
    """At most `most` rows of each group, evenly over all of its rows."""
    wanted = {
        group: {i * total // min(most, total) for i in range(min(most, total))}
        for group, total in counts.items()
    }
    chosen: dict[tuple[str, str], list[ManifestRow]] = {group: [] for group in counts}
    met: Counter[tuple[str, str]] = Counter()
    for row in rows:
        group = _group(row)
        if met[group] in wanted[group]:
            chosen[group].append(row)
        met[group] += 1
    return chosen


def _cell(folder: Path, raw: Path, config: AlignConfig, row: ManifestRow) -> Array:
    if row["status"] == ALIGNED:
        return _with_points(read_face(folder / FOLDER / row["shard"], row["offset"]), row)
    if row["reason"] != NO_FACE:  # What killed a worker would kill this process as well.
        return _words(short_reason(row))
    try:
        picture = read_picture(
            raw / row["path"], max_bytes=config.max_bytes, max_pixels=config.max_pixels
        )
    except RefusedError:
        return _words(short_reason(row))
    return resize(picture.pixels, CELL)


def _with_points(image: Array, row: ManifestRow) -> Array:
    scale = CELL / len(image)
    small = resize(image, CELL)
    for color, name in zip(_COLORS, POINTS):
        x, y = row.get(f"crop_{name}_x"), row.get(f"crop_{name}_y")
        if x is not None and y is not None:
            cv2.circle(small, (round(x * scale), round(y * scale)), 2, color, -1, cv2.LINE_AA)
    return small


def _words(text: str) -> Array:
    """A grey cell with a few words in it."""
    cell = np.full((CELL, CELL, 3), 225, np.uint8)
    for i, word in enumerate(text.split()):
        place = (6, 18 + 16 * i)
        cv2.putText(cell, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (60, 60, 60), 1, cv2.LINE_AA)
    return cell


def _heading(text: str) -> Array:
    line = np.full((_HEADING, CELL * PER_ROW, 3), 255, np.uint8)
    cv2.putText(line, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return line


def _line(cells: Sequence[Array]) -> Array:
    empty = [np.full((CELL, CELL, 3), 255, np.uint8)] * (PER_ROW - len(cells))
    return np.hstack([*cells, *empty])
