"""From a face's place in a picture to its square crop, and its keypoints within that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.images.encode import resize

#: How a face is cut out: by five points, or by its box.
ALIGN = ("similarity", "box")

#: Where `similarity` puts left eye, right eye, nose, left and right mouth corner of a face with no
#: margin, as (x, y) fractions of the crop: the 112-pixel template of SphereFace and ArcFace.
TEMPLATE = (
    np.array(
        [
            [38.2946, 51.6963],
            [73.5318, 51.5014],
            [56.0252, 71.7366],
            [41.5493, 92.3655],
            [70.7299, 92.2041],
        ]
    )
    / 112.0
)

#: How much of a face crop's longer side the face takes: the median over CaVI of the template's
#: square, where a face is found.
FACE_SHARE = 0.8


class Face(NamedTuple):
    """A face in a picture.

    Attributes:
        box: float64 [4], left, top, right, bottom in pixels; may leave the picture.
        keypoints: float64 [5, 2], (x, y) in pixels of left eye, right eye, nose, left and right
            mouth corner, left and right as seen by the viewer.
        confidence: In (0, 1), the output network's; 1 where somebody put them there.
    """

    box: Array
    keypoints: Array
    confidence: float


@dataclass(frozen=True)
class Placement:
    """An affine map from a picture's pixels to a crop's: `matrix` float64 [2, 3], `size` pixels."""

    matrix: Array
    size: int

    def points(self, raw: Array) -> Array:
        """Points float64 [n, 2] of the picture, in the crop's pixels."""
        return raw @ self.matrix[:, :2].T + self.matrix[:, 2]


def place_box(box: Array, size: int, margin: float) -> Placement:
    """The square about a box's middle, whose side is its longer side x (1 + margin).

    Args:
        box: float64 [4], left, top, right, bottom.
        size: Side of the crop in pixels.
        margin: In faces, so the same share of every face whatever its size.
    """
    left, top, right, bottom = box
    side = max(right - left, bottom - top) * (1 + margin)
    middle = np.array([left + right, top + bottom]) / 2
    scale = size / max(side, 1e-6)
    shift = (side / 2 - middle) * scale
    return Placement(np.hstack([scale * np.eye(2), shift[:, None]]), size)


def place_similar(keypoints: Array, size: int, margin: float) -> Placement:
    """The turn, scaling and shift that bring five points nearest to TEMPLATE (Umeyama, 1991).

    Args:
        keypoints: float64 [5, 2] in the picture's pixels.
        size: Side of the crop in pixels.
        margin: As for `place_box`, of the template's square.
    """
    target = ((TEMPLATE - 0.5) / (1 + margin) + 0.5) * size
    a, b = keypoints - keypoints.mean(axis=0), target - target.mean(axis=0)
    # In two dimensions the best similarity without a mirror is one complex factor.
    x, y = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    factor = np.vdot(x, y) / np.vdot(x, x).real
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    shift = target.mean(axis=0) - turn @ keypoints.mean(axis=0)
    return Placement(np.hstack([turn, shift[:, None]]), size)


def place_face(face: Face, align: str, size: int, margin: float) -> Placement:
    """A face's place in its crop; `align` is one of `ALIGN`, the rest as for `place_box`."""
    if align == "similarity":
        return place_similar(face.keypoints, size, margin)
    return place_box(face.box, size, margin)


def place_whole(height: int, width: int, size: int, margin: float) -> Placement:
    """The middle of a picture that shows nothing but a face, as if the face had been found there.

    Args:
        height: Of the picture.
        width: Of the picture.
        size: Side of the crop in pixels.
        margin: As for `place_box`, of a square of FACE_SHARE of the longer side.
    """
    half = FACE_SHARE * max(height, width) / 2
    box = np.array([width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half])
    return place_box(box, size, margin)


def crop(image: Array, placement: Placement) -> Array:
    """Cuts the crop out; beyond the picture its edge pixels are repeated.

    A crop that is the whole picture is what `resize` makes of that.

    Args:
        image: uint8 RGB [height, width, 3].
        placement: Where; shrinking averages areas, so nothing is aliased.

    Returns:
        uint8 RGB [size, size, 3].
    """
    matrix, size = placement.matrix, placement.size
    back = np.linalg.inv(matrix[:, :2])
    corners = (np.array([[0, 0], [size, 0], [size, size], [0, size]]) - matrix[:, 2]) @ back.T
    height, width = image.shape[:2]
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    if np.abs(corners - whole).max() < 1e-6 * max(height, width):
        return resize(image, size)
    # Only the part about the crop is worked on; at least one pixel of the picture stays.
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2, low + 1, [width, height]).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    linear, shift = matrix[:, :2], matrix[:, :2] @ low + matrix[:, 2]
    shrink = np.minimum(np.linalg.norm(linear, axis=0), 1.0)  # of columns: x, then y
    if (shrink < 1).any():
        sides = np.maximum(np.round((high - low) * shrink), 1).astype(int)
        part = cv2.resize(part, tuple(int(s) for s in sides), interpolation=cv2.INTER_AREA)
        linear = linear @ np.diag((high - low) / sides)
    # OpenCV puts pixel (0, 0)'s middle at the origin, boxes its corner.
    half = np.array([0.5, 0.5])
    shift = shift + linear @ half - half
    return cv2.warpAffine(
        part,
        np.hstack([linear, shift[:, None]]),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
