"""Faces with words below them, in a real font. Never loads TensorFlow."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cari_keras.arrays import Array
from cari_keras.images.encode import resize

#: Faces are at least so wide, in pixels, for a line of words to fit below.
LEAST_WIDTH = 260

#: Height of the letters, of a line, and the space about a face, in pixels.
_FONT_SIZE, LINE, GAP = 15, 21, 10

#: As many faces stand in a row.
_IN_A_ROW = 6

_INK = {"plain": (28, 36, 48), "good": (0, 110, 60), "bad": (180, 30, 30), "faint": (95, 105, 118)}


class Line(NamedTuple):
    """A line of words.

    Attributes:
        text: They; the middle is left out where they are too long.
        ink: `plain`, `good`, `bad` or `faint`.
    """

    text: str
    ink: str = "plain"


class Captioned(NamedTuple):
    """A face, and what is said of it.

    Attributes:
        face: uint8 RGB [s, s, 3].
        lines: Below it.
    """

    face: Array
    lines: Sequence[Line]


def sheet_of(cells: Sequence[Captioned]) -> Array:
    """Faces with their words, in rows on white: uint8 RGB [h, w, 3]."""
    side = max(LEAST_WIDTH, *(cell.face.shape[0] for cell in cells))
    height = side + LINE * max(len(cell.lines) for cell in cells) + 2 * GAP
    columns = min(len(cells), _IN_A_ROW)
    rows = -(-len(cells) // columns)
    size = (columns * (side + GAP) + GAP, rows * height + GAP)
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for k, (face, lines) in enumerate(cells):
        x = GAP + k % columns * (side + GAP)
        y = GAP + k // columns * height
        page.paste(Image.fromarray(resize(face, side)), (x, y))
        for row, line in enumerate(lines):
            place = (x, y + side + 5 + row * LINE)
            draw.text(place, fitted(line.text, side), font=font(), fill=_INK[line.ink])
    return np.asarray(page)


def fitted(text: str, width: int) -> str:
    """Text in at most so many pixels; what is left out of its middle is an ellipsis."""
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\n", " ")
    if font().getlength(shown) <= width:
        return shown
    kept = len(shown)
    while kept > 1:
        kept -= 1
        left = shown[: kept // 2]
        cut = f"{left}…{shown[len(shown) - (kept - len(left)) :]}"
        if font().getlength(cut) <= width:
            return cut
    return "…"


@cache
def font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which Matplotlib brings along; its file is read without importing Matplotlib."""
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None, "Matplotlib is required"
    assert spec.origin is not None, "Matplotlib is a package"
    path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), _FONT_SIZE)
