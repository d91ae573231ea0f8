"""Finds the faces of a picture: MTCNN, and where it finds none, MTCNN with less strict demands.

MTCNN was made for photographs, with room about the face. Where it finds nothing, the picture is
looked at again with a border and lower thresholds, and then enlarged as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from cari_keras.align.detector import THRESHOLDS
from cari_keras.arrays import Array
from cari_keras.images.crop import Face
from cari_keras.vocabulary import CARICATURE, check_modality

#: Later looks: least confidences, and the border as a fraction of the longer side.
RELAXED, BORDER = (0.4, 0.5, 0.5), 0.27

#: Pictures whose longer side is at most this are looked at once more at twice their size.
ENLARGED_UP_TO = 800

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
        face_crop: Whether the picture is known to show one face that nearly fills it.

    Returns:
        The name of the look that found them, and the faces in `image`'s pixels, the surest first;
        an empty name and none where there are none.
    """
    check_modality(modality)
    scale = min(1.0, max_side / max(image.shape[:2]))
    small = _scaled(image, scale)
    border = round(BORDER * max(small.shape[:2]))
    looks: list[Callable[[], list[Face]]] = [
        lambda: detect(small, THRESHOLDS),
        lambda: _with_border(detect, small, border),
    ]
    if max(small.shape[:2]) <= ENLARGED_UP_TO:
        looks.append(lambda: _enlarged(detect, small, border))
    least = LEAST_SHARE * max(image.shape[:2]) if face_crop else 0.0
    sure = 0.0 if modality == CARICATURE else SURE
    for name, look in zip(LOOKS, looks):
        faces = _moved(look(), scale=scale)
        faces = [f for f in faces if f.confidence >= sure and side_of(f.box) >= least]
        if faces:
            return name, faces
    return "", []


def side_of(box: Array) -> float:
    """The longer side of a box."""
    return float(max(box[2] - box[0], box[3] - box[1]))


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


def _with_border(detect: Detect, image: Array, border: int) -> list[Face]:
    sides = (border, border, border, border)
    framed = cv2.copyMakeBorder(image, *sides, borderType=cv2.BORDER_REPLICATE)
    return _moved(detect(framed, RELAXED), border=border)


def _enlarged(detect: Detect, image: Array, border: int) -> list[Face]:
    return _moved(_with_border(detect, _scaled(image, 2.0), 2 * border), scale=2.0)


def _moved(faces: Sequence[Face], *, border: float = 0.0, scale: float = 1.0) -> list[Face]:
    """Faces of a framed or scaled picture, in the pixels of the one it was made from."""
    return [
        Face((f.box - border) / scale, (f.keypoints - border) / scale, f.confidence) for f in faces
    ]
