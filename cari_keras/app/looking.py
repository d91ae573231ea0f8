"""What the page sees of an uploaded picture: its faces, numbered and outlined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ImageError
from cari_keras.images.decode import MIN_SIDE, RefusedError
from cari_keras.serving.faces import Cut
from cari_keras.serving.handed import pixels_of

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: The most that is taken of one upload: bytes of the file, and pixels, which are checked before
#: they are decoded. Telephones take up to 50 million.
MAX_BYTES, MAX_PIXELS = 30_000_000, 60_000_000

#: A picture is shown at this many pixels on its longer side, or fewer.
SHOWN = 800

#: As many faces of a picture can be chosen, the main one first.
MOST_FACES = 24

#: The outline of the face that is used, and of the others: RGB.
_USED, _OTHERS = (255, 176, 0), (70, 130, 255)

#: Left, top, right, bottom, in pixels of the picture that is shown.
Box = tuple[int, int, int, int]


class Looked(NamedTuple):
    """A picture and its faces.

    Attributes:
        picture: The upright picture, at most `SHOWN` pixels wide and high, uint8 RGB [h, w, 3].
        faces: What the network takes of each, uint8 RGB [S, S, 3], the main one first.
        boxes: Where they are; None where the network takes whole pictures.
    """

    picture: Array
    faces: tuple[Array, ...]
    boxes: tuple[Optional[Box], ...]


def look(model: FaceModel, path: str, modality: str) -> Looked:
    """The faces of an uploaded picture.

    Args:
        model: The network.
        path: The file.
        modality: `photo` or `caricature`.

    Raises:
        ImageError: It is no picture, is too large, or shows no face; the file's name is told, not
            its folder, which nobody knows.
    """
    name = Path(path).name
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise RefusedError(f"too large; the page takes at most {MAX_BYTES // 10**6} MB")
        pixels = pixels_of(path, max_pixels=MAX_PIXELS, min_side=MIN_SIDE)
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error.strerror})") from error
    except RefusedError as error:
        raise ImageError(f"{name}: {error}") from error
    cuts = model.every_face(pixels, modality, name=name)[:MOST_FACES]
    height, width = pixels.shape[:2]
    scale = min(1.0, SHOWN / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    return Looked(
        np.ascontiguousarray(picture),
        tuple(cut.pixels for cut in cuts),
        tuple(_box(cut, scale) for cut in cuts),
    )


def outlined(looked: Looked, used: int) -> Array:
    """The picture with its faces outlined and numbered from 1, the one that is used in amber."""
    page = looked.picture.copy()
    wide = max(2, round(max(page.shape) / 250))
    for number, box in enumerate(looked.boxes):
        if box is None:
            continue
        color = _USED if number == used else _OTHERS
        left, top, right, bottom = box
        cv2.rectangle(page, (left, top), (right, bottom), color, wide + (number == used))
        if len(looked.boxes) > 1:
            at = (left + 2 * wide, top + 12 * wide)
            for ink, thick in (((0, 0, 0), 3 * wide), (color, wide)):
                cv2.putText(
                    page, str(number + 1), at, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * wide, ink, thick
                )
    return page


def face_at(looked: Looked, x: float, y: float) -> Optional[int]:
    """The number of the face at a place of the picture that is shown, from 0; None beside them."""
    inside = [
        ((box[2] - box[0]) * (box[3] - box[1]), number)
        for number, box in enumerate(looked.boxes)
        if box is not None and box[0] <= x <= box[2] and box[1] <= y <= box[3]
    ]
    return min(inside)[1] if inside else None


def _box(cut: Cut, scale: float) -> Optional[Box]:
    if cut.place is None:
        return None
    left, top, right, bottom = (round(float(edge) * scale) for edge in cut.place.box)
    return left, top, right, bottom
