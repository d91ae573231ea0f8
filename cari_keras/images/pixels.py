"""From an image that Pillow has opened to pixels: upright, on white, 8 bits, RGB."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Optional

import numpy as np
from PIL import ExifTags, Image, ImageOps

from cari_keras.arrays import Array

#: What every JPEG file begins with.
JPEG = b"\xff\xd8\xff"

#: What every PNG file begins with, and ends with.
PNG = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"

#: What is done to a picture by its EXIF's orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_lock = threading.Lock()


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without Pillow's warnings about size and metadata; limits are our own.

    In one thread at a time: what Python keeps of warnings is the whole process's.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _on_white(rgba: Array) -> Array:
    """uint8 RGBA as RGB, rounded to the nearest; `images.graph` has the same sum."""
    rgb, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def upright(image: Image.Image) -> Image.Image:
    """Turned by EXIF, which a JPEG and a PNG have in one place; XMP is not looked at there."""
    try:
        with quietly():
            if image.format not in ("JPEG", "MPO", "PNG"):
                return ImageOps.exif_transpose(image)
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
            turn = _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
        return image if turn is None else image.transpose(turn)
    except Exception:  # unreadable metadata says nothing about rotation
        return image


def to_rgb(image: Image.Image, encoded: bytes) -> Array:
    """uint8 RGB [height, width, 3] of an image whose pixels are loaded.

    Args:
        image: As Pillow has it.
        encoded: The file's bytes; empty for an image of no file.
    """
    clear = _clear_color(image, encoded)
    if image.mode.startswith("I") or image.mode == "F":
        wide = image.mode.startswith("I;16") or encoded.startswith(PNG)
        rgb = np.repeat(_to_8_bit(np.asarray(image), wide)[..., None], 3, axis=2)
    elif clear is None and ("A" in image.mode.upper() or "transparency" in image.info):
        return _on_white(np.asarray(image.convert("RGBA")))
    else:
        if image.mode == "CMYK" and encoded.startswith(JPEG) and "adobe" not in image.info:
            image = Image.eval(image, lambda ink: 255 - ink)  # Pillow takes all for Adobe's
        image.info.pop("transparency", None)  # of which Pillow would only warn
        rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    if clear is None:
        return rgb
    return np.where((rgb == clear).all(axis=-1, keepdims=True), np.uint8(255), rgb)


def _clear_color(image: Image.Image, encoded: bytes) -> Optional[Array]:
    """The colour of a grey or RGB PNG that is to be clear, uint8 [1] or [3]; None without one.

    In the file it has the picture's own depth, of which Pillow's conversions know nothing.
    """
    value = image.info.get("transparency")
    if not encoded.startswith(PNG) or value is None or image.mode == "P":
        return None
    depth = encoded[24]
    own = np.atleast_1d(value).astype(np.int64) & ((1 << depth) - 1)
    return (own >> 8 if depth == 16 else own * 255 // ((1 << depth) - 1)).astype(np.uint8)


def _to_8_bit(values: Array, wide: bool) -> Array:
    """Integers of 16 bits, `wide` or by the largest, or floats of 0 to 1 or 255, as uint8."""
    if values.dtype.kind in "iu":
        halved = wide or values.max() > 255
        return np.clip(values // 256 if halved else values, 0, 255).astype(np.uint8)
    top = 255.0 if np.nanmax(values) <= 1 else 1.0
    return np.clip(np.nan_to_num(values) * top, 0, 255).astype(np.uint8)
