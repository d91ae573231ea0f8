"""Opens any file that may be a picture, and says in a few words why one is not.

Runs in worker processes; never loads TensorFlow. Every limit is checked before pixels are decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

#: Formats that are tried, whatever a file's name ends in. Others (EPS, PDF ...) run programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

#: What every PNG file begins with.
PNG = b"\x89PNG\r\n\x1a\n"

#: More pixels are refused undecoded: they would take gigabytes, of a file of some kilobytes.
MAX_PIXELS = 100_000_000

_lock = threading.Lock()

#: Shorter sides than this hold no face: 20 pixels is the least face that MTCNN looks for.
MIN_SIDE = 20


class RefusedError(Exception):
    """The file is not a usable picture; the text is the manifest's `reason`."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 RGB [height, width, 3], upright.
        sha256: Of the file's bytes, in hexadecimal.
    """

    pixels: np.ndarray
    sha256: str


def read_picture(path: Path, *, max_bytes: int, max_pixels: int) -> Picture:
    """Reads a picture file of any common format as upright 8-bit RGB.

    EXIF rotation is applied; transparency is laid on white; 16-bit values keep their upper half;
    of several frames the first is taken.

    Args:
        path: The file; its ending does not matter.
        max_bytes: Larger files are refused unread.
        max_pixels: Larger pictures are refused undecoded.

    Raises:
        RefusedError: The file cannot be read, is no picture, is damaged, too large or too small.
    """
    return decode_picture(_read_bytes(path, max_bytes), max_pixels=max_pixels)


def decode_picture(encoded: bytes, *, max_pixels: int) -> Picture:
    """A picture from a file's bytes, see `read_picture`.

    Raises:
        RefusedError: It is no picture, is damaged, too large or too small.
    """
    with _quietly():
        image = _open(encoded)
        width, height = image.size
        _check_pixels(image, max_pixels)
        if min(width, height) < MIN_SIDE:
            raise RefusedError(f"too small ({width} x {height}, the least side is {MIN_SIDE})")
        if image.format == "PNG":
            _verify(image)
            image = _open(encoded)
        pixels = _decode(image, _to_rgb)
    return Picture(pixels, hashlib.sha256(encoded).hexdigest())


def decode_image(encoded: bytes) -> np.ndarray:
    """A file's bytes as uint8 RGB [height, width, 3].

    Turned as its EXIF entry says. Transparency is laid on white: a drawing's lines are often black
    on nothing, and what lies below nothing is usually black too.

    Raises:
        RefusedError: It is no picture, is damaged, or has more than `MAX_PIXELS`.
    """
    import cv2

    with _quietly():
        opened = _open(encoded)
        _check_pixels(opened, MAX_PIXELS)
        if _may_be_transparent(encoded[:26]):
            # By Pillow: OpenCV turns no picture whose opacity it keeps, and no WebP at all.
            return _on_white(_decode(opened, lambda image: np.asarray(image.convert("RGBA"))))
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # of sides longer than it takes, whatever their product
        image = None
    if image is None:
        raise RefusedError("damaged picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without Pillow's warnings about size and metadata; limits are our own.

    In one thread at a time: what Python keeps of warnings is the whole process's.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_pixels(image: Image.Image, most: int) -> None:
    width, height = image.size
    if width * height > most:
        raise RefusedError(f"too many pixels ({width} x {height}, the limit is {most})")


def _may_be_transparent(beginning: bytes) -> bool:
    """Whether a file's first bytes are those of a WebP, or of a PNG with alpha or a palette."""
    if beginning.startswith(PNG):
        return beginning[25:26] in (b"\x03", b"\x04", b"\x06")
    return (beginning[:4], beginning[8:12]) == (b"RIFF", b"WEBP")


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """uint8 RGBA as RGB, rounded to the nearest; `serving.images` has the same sum."""
    rgb, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("not a regular file")
        if status.st_size == 0:
            raise RefusedError("empty file")
        if status.st_size > max_bytes:
            raise RefusedError(f"too many bytes ({status.st_size}, the limit is {max_bytes})")
        with path.open("rb") as stream:
            return stream.read(max_bytes)
    except FileNotFoundError as error:
        raise RefusedError("broken link" if path.is_symlink() else "gone") from error
    except OSError as error:
        raise RefusedError(f"cannot be read ({error.strerror})") from error


def _open(encoded: bytes) -> Image.Image:
    Image.init()  # else formats that Pillow has not met yet are unknown to it
    try:
        return Image.open(io.BytesIO(encoded), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise RefusedError("too many pixels") from error
    except Exception as error:  # any decoder's own kind, on bytes that nobody vouches for
        raise RefusedError("not a picture") from error


def _verify(image: Image.Image) -> None:
    """Checks the checksums of a PNG, whose decoder takes damaged data for a shorter picture."""
    try:
        image.verify()
    except Exception as error:  # as in _open
        raise RefusedError("damaged picture") from error


def _decode(image: Image.Image, to_array: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    try:
        image.load()
        return np.ascontiguousarray(to_array(_upright(image)))
    except MemoryError:
        raise
    except Exception as error:  # as in _open
        reason = "truncated picture" if "truncated" in str(error) else "damaged picture"
        raise RefusedError(reason) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # unreadable metadata says nothing about rotation
        return image


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_to_8_bit(np.asarray(image))[..., None], 3, axis=2)
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """16-bit integers, or floats of 0 to 1 or 0 to 255, as uint8."""
    if values.dtype.kind in "iu":
        return np.clip(values // 256 if values.max() > 255 else values, 0, 255).astype(np.uint8)
    top = 255.0 if np.nanmax(values) <= 1 else 1.0
    return np.clip(np.nan_to_num(values) * top, 0, 255).astype(np.uint8)
