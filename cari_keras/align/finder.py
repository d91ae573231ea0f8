"""Finds the faces of a picture: MTCNN, and where it finds none, MTCNN with less strict demands.

MTCNN was made for photographs, with room about the face. Where it finds nothing, the picture is
looked at again with a border and lower thresholds, and then enlarged as well; what these later
looks find counts where it is found once more, see `confirm`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from cari_keras.align.confirm import confirmed, side_of
from cari_keras.align.detector import THRESHOLDS
from cari_keras.arrays import Array
from cari_keras.images.crop import Face
from cari_keras.vocabulary import CARICATURE, check_modality

#: Later looks: least confidences, and the border as a fraction of the longer side.
RELAXED, BORDER = (0.4, 0.5, 0.5), 0.27

#: Pictures whose longer side is at most this are looked at once more at twice their size.
ENLARGED_UP_TO = 800

#: A find of a later look is looked for again in these sizes too.
OTHER_SIZES = (0.8, 1.25)

#: A photograph's faces below this confidence are not taken.
SURE = 0.9

#: Where a picture is a face crop, smaller finds (in longer sides) are eyes, mouths and ears.
LEAST_SHARE = 0.25

#: What `find_faces` calls its looks, in their order.
LOOKS = ("mtcnn", "mtcnn-relaxed", "mtcnn-enlarged")

Detect = Callable[[Array, tuple[float, float, float]], list[Face]]


def find_faces(
    detect: Detect,
    image: Array,
    modality: str,
    *,
    max_side: int = 1600,
    face_crop: bool = False,
) -> tuple[str, list[Face]]:
    """Looks for faces until some are found.

    Args:
        detect: A `Detector`.
        image: uint8 RGB [height, width, 3].
        modality: `photo` or `caricature`: of drawings less confidence is asked.
        max_side: Larger pictures are shrunk to it before they are looked at.
        face_crop: Whether the picture is known to show one face that nearly fills it. Then the
            size of a find tells whether it is the face.

    Returns:
        The name of the look that found them, and the faces in `image`'s pixels, the surest first;
        an empty name and none where there are none.
    """
    check_modality(modality)
    scale = min(1.0, max_side / max(image.shape[:2]))
    small = _scaled(image, scale)
    least = LEAST_SHARE * max(small.shape[:2]) if face_crop else 0.0
    sure = 0.0 if modality == CARICATURE else SURE
    others: list[list[Face]] = []
    for name, factor in _looks(small):
        found = detect(small, THRESHOLDS) if not factor else _framed(detect, small, factor)
        faces = [f for f in found if f.confidence >= sure and side_of(f.box) >= least]
        if faces and factor and not face_crop:
            others = others or [_framed(detect, small, other) for other in OTHER_SIZES]
            mirror = _mirrored(detect, small, factor)
            faces = confirmed(faces, small, [mirror, *others], lambda part: detect(part, RELAXED))
        if faces:
            return name, _moved(faces, scale=scale)
    return "", []


def _looks(image: Array) -> list[tuple[str, float]]:
    """The names of the looks, and how much each enlarges the picture; 0 for the first, strict one.

    The last look is for pictures that are small enough for it.
    """
    looks = list(zip(LOOKS, (0.0, 1.0, 2.0)))
    return looks if max(image.shape[:2]) <= ENLARGED_UP_TO else looks[:-1]


def main_face(faces: Sequence[Face], height: int, width: int) -> Face:
    """The face that is large and central.

    A face scores its area x exp(-4 d^2), d being the distance of its middle from the picture's in
    longer sides: at the middle of an edge it must be 2.7 times as large as in the middle. As a
    product this does not depend on how small the faces are in the picture; FaceNet's difference,
    area less twice d^2, leaves small faces to their place alone.
    """

    def score(face: Face) -> float:
        left, top, right, bottom = face.box
        off = np.hypot((left + right - width) / 2, (top + bottom - height) / 2)
        return float((right - left) * (bottom - top) * np.exp(-4 * (off / max(height, width)) ** 2))

    return max(faces, key=score)


def _scaled(image: Array, scale: float) -> Array:
    if scale == 1.0:
        return image
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=way)


def _framed(detect: Detect, image: Array, factor: float) -> list[Face]:
    """What is found with low thresholds in a picture of another size with a border."""
    scaled = _scaled(image, factor)
    border = round(BORDER * max(scaled.shape[:2]))
    sides = (border, border, border, border)
    framed = cv2.copyMakeBorder(scaled, *sides, borderType=cv2.BORDER_REPLICATE)
    return _moved(detect(framed, RELAXED), border=border, scale=factor)


def _mirrored(detect: Detect, image: Array, factor: float) -> list[Face]:
    """What is found in a mirror: the boxes where they are in the picture, points as they came."""
    found = _framed(detect, np.ascontiguousarray(image[:, ::-1]), factor)
    width = image.shape[1]
    return [
        f._replace(box=np.array([width - f.box[2], f.box[1], width - f.box[0], f.box[3]]))
        for f in found
    ]


def _moved(faces: Sequence[Face], *, border: float = 0.0, scale: float = 1.0) -> list[Face]:
    """Faces of a framed or scaled picture, in the pixels of the one it was made from."""
    return [
        Face((f.box - border) / scale, (f.keypoints - border) / scale, f.confidence) for f in faces
    ]
