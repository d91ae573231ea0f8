"""What sorts pictures into groups, so that a network can be judged group by group."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from cari_keras.records.manifest import ALIGNED, ManifestRow, record_name

#: Bounds of the shorter side of a face's box, in pixels of the raw picture.
SIZES = (64, 128, 256)

#: Bounds of `turn_of`, and what a face between them is called.
TURNS = (0.15, 0.35)
POSES = ("frontal", "half turned", "turned")

#: The group of pictures whose alignment kept no box or no points.
UNKNOWN_GROUP = "no face found"


class Trait(NamedTuple):
    """One way of sorting pictures.

    Attributes:
        name: For a table.
        groups: The groups' names in their order.
        of: From a picture's path to its group; pictures that are not in it have no group.
    """

    name: str
    groups: tuple[str, ...]
    of: Mapping[str, str]


def face_traits(rows: Iterable[ManifestRow]) -> tuple[Trait, ...]:
    """Size, pose and the detector's look of an aligned folder's faces.

    Args:
        rows: Of its manifest.
    """
    sizes: dict[str, str] = {}
    poses: dict[str, str] = {}
    looks: dict[str, str] = {}
    for row in rows:
        if row["status"] != ALIGNED:
            continue
        name = record_name(row["path"], int(row["face"]))
        box = _numbers(row, "left", "top", "right", "bottom")
        sizes[name] = UNKNOWN_GROUP if box is None else size_group(box)
        turn = turn_of(row)
        poses[name] = UNKNOWN_GROUP if turn is None else POSES[sum(turn >= b for b in TURNS)]
        looks[name] = row["source"]
    names = tuple(dict.fromkeys(sorted(looks.values())))
    return (
        Trait("size of face", (*_SIZE_GROUPS, UNKNOWN_GROUP), sizes),
        Trait("pose", (*POSES, UNKNOWN_GROUP), poses),
        Trait("detector's look", names, looks),
    )


_SIZE_GROUPS = (
    f"below {SIZES[0]} pixels",
    *(f"{low} to {high - 1} pixels" for low, high in itertools.pairwise(SIZES)),
    f"from {SIZES[-1]} pixels",
)


def size_group(box: tuple[float, ...]) -> str:
    """The group of a face by the shorter side of its box `left, top, right, bottom` in pixels."""
    left, top, right, bottom = box
    side = min(right - left, bottom - top)
    return _SIZE_GROUPS[sum(side >= bound for bound in SIZES)]


def turn_of(row: ManifestRow) -> Optional[float]:
    """How far a face is turned to a side, from its five points; None where it has none.

    The nose's distance from the middle of the eyes along the line through both eyes, as a share of
    the distance between the eyes: 0 for a frontal face, about 0.5 where the nose stands before an
    eye. A nose that an artist has moved counts as a turn too.
    """
    points = _numbers(
        row, *(f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose") for axis in "xy")
    )
    if points is None:
        return None
    left_x, left_y, right_x, right_y, nose_x, nose_y = points
    across, down = right_x - left_x, right_y - left_y
    apart = math.hypot(across, down)
    if not apart:
        return None
    x, y = nose_x - (left_x + right_x) / 2, nose_y - (left_y + right_y) / 2
    return abs(x * across + y * down) / apart**2


def _numbers(row: ManifestRow, *names: str) -> Optional[tuple[float, ...]]:
    """The row's numbers; None where one of them is missing."""
    found = [row[name] for name in names]
    return None if "" in found else tuple(map(float, found))
