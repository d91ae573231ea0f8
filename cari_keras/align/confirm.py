"""Checks what MTCNN finds with less strict demands: a face is found again, an eye is not.

With low thresholds MTCNN takes eyes, hair and lines of drawings for faces. Such finds depend on
where exactly the pixels lie. So the picture is looked at again in other sizes and in a mirror, and
the find alone in two sizes: its support is the mean confidence with which it came back.

CaVI's 3,826 drawings as a plain folder, where a find of less than a third of a picture is false
(they are crops of faces): 21.9 % of 562 later finds were false, 2.0 % of 393 are with support asked
for; a face is found in 89.0 % of the drawings (93.4 %). The two
halves of the drawings give 1.5 % and 2.5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from cari_keras.arrays import Array
from cari_keras.images.crop import Face, crop, place_box

#: The least support of a find that takes a third of the picture's longer side or more. Smaller
#: finds need more, by what they lack of a third: faces so small, the first look seldom misses.
SUPPORT, USUAL_SHARE = 0.425, 1 / 3

#: Boxes that overlap by this much, as intersection over union, are the same find.
SAME = 0.5

#: A find alone is looked at with so much about it, in faces, at faces of so many pixels.
ROOM, SIDES = 0.9, (60, 100)

Look = Callable[[Array], list[Face]]


def side_of(box: Array) -> float:
    """The longer side of a box."""
    return float(max(box[2] - box[0], box[3] - box[1]))


def confirmed(
    faces: Iterable[Face], image: Array, others: Iterable[list[Face]], look: Look
) -> list[Face]:
    """The faces that are found again.

    Args:
        faces: Finds in `image`'s pixels.
        image: uint8 RGB [height, width, 3].
        others: What the picture gave in other sizes and in a mirror, in `image`'s pixels.
        look: Finds the faces of a picture, with the demands by which `faces` were found.

    Returns:
        Those whose support is at least `SUPPORT`, more where they are small.
    """
    looks = list(others)

    def is_face(face: Face) -> bool:
        share = side_of(face.box) / max(image.shape[:2])
        return support(face, image, looks, look) >= SUPPORT + max(USUAL_SHARE - share, 0.0)

    return [face for face in faces if is_face(face)]


def support(face: Face, image: Array, others: Iterable[list[Face]], look: Look) -> float:
    """The mean confidence of a find over all looks, in [0, 1]; 0 in a look that misses it."""
    alone = [_alone(face.box, image, side, look) for side in SIDES]
    return float(np.mean([face.confidence, *(_again(face, found) for found in (*others, *alone))]))


def overlap(a: Array, b: Array) -> float:
    """Intersection over union of two boxes (left, top, right, bottom).

    Example:
        >>> round(overlap(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2])), 3)
        0.333
    """
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(max(width, 0) * max(height, 0))
    areas = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]))
    return shared / max(areas - shared, 1e-9)


def _again(face: Face, found: Iterable[Face]) -> float:
    """The confidence with which a face is among those found, 0 where it is not."""
    return max((f.confidence for f in found if overlap(face.box, f.box) >= SAME), default=0.0)


def _alone(box: Array, image: Array, side: int, look: Look) -> list[Face]:
    """What is found about a box when its longer side has `side` pixels, in `image`'s pixels."""
    placement = place_box(box, round(side * (1 + ROOM)), ROOM)
    scale, shift = placement.matrix[0, 0], placement.matrix[:, 2]
    return [
        Face((f.box - np.tile(shift, 2)) / scale, (f.keypoints - shift) / scale, f.confidence)
        for f in look(crop(image, placement))
    ]
