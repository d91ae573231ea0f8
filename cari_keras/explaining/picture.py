"""Maps laid over faces, in two colours that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from cari_keras.arrays import Array
from cari_keras.images.captions import GAP, LINE, Captioned, Line, font, sheet_of

#: What lowers the similarity, and what raises it: the ends of ColorBrewer's PuOr, which readers
#: with any colour blindness tell apart.
LOWERS, RAISES = (230, 97, 1), (94, 60, 153)

#: How much of the colour covers a face where the map is 1 or -1.
_COVER = 0.85

_BAR = (180, 14)


def overlaid(face: Array, values: Array) -> Array:
    """A face in grey with a map over it.

    Args:
        face: uint8 RGB [S, S, 3].
        values: float32 [S, S] in [-1, 1].

    Returns:
        uint8 RGB [S, S, 3]: `RAISES` where values are positive and `LOWERS` where they are
        negative, the more of it the stronger they are.
    """
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    grey = 90 + grey * (165 / 255)  # light enough for either colour to show on it
    color = np.where(values[..., None] > 0, RAISES, LOWERS)
    cover = _COVER * np.abs(values)[..., None]
    return np.rint(grey + cover * (color - grey)).astype(np.uint8)


def drawn(faces: Sequence[Array], maps: Sequence[Array], told: str) -> Array:
    """Faces and the same with their maps, in a row, with a legend below: uint8 RGB [h, w, 3].

    Args:
        faces: Two, uint8 RGB [S, S, 3].
        maps: Of each, float32 [S, S] in [-1, 1].
        told: A line below the first one.
    """
    names = ("photo", "compared with")
    cells = [Captioned(face, [Line(name)]) for face, name in zip(faces, names)]
    marked = ("regions of the photo", "regions of the other")
    cells += [
        Captioned(overlaid(face, values), [Line(name)])
        for face, values, name in zip(faces, maps, marked)
    ]
    sheet = sheet_of(cells)
    page = Image.new("RGB", (sheet.shape[1], sheet.shape[0] + 2 * LINE), "white")
    page.paste(Image.fromarray(sheet), (0, 0))
    draw, top = ImageDraw.Draw(page), sheet.shape[0] + 2
    draw.text((GAP, top), told, font=font(), fill=(28, 36, 48))
    _legend(page, draw, sheet.shape[1] // 2, top)
    return np.asarray(page)


def _legend(page: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
    """From what lowers the similarity to what raises it, with words at both ends."""
    width, height = _BAR
    values = np.tile(np.linspace(-1, 1, width, dtype=np.float32), (height, 1))
    bar = overlaid(np.full((height, width, 3), 190, np.uint8), values)
    low, high = "lowers the similarity", "raises it"
    x = left + GAP
    draw.text((x, top), low, font=font(), fill=(28, 36, 48))
    x += round(font().getlength(low)) + GAP
    page.paste(Image.fromarray(bar), (x, top + 3))
    draw.text((x + width + GAP, top), high, font=font(), fill=(28, 36, 48))
