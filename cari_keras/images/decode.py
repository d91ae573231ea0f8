"""The one decoder: opens any file that may be a picture, and says in a few words why one is not.

Training, alignment, evaluation and Python all read files by it; `images.graph` is its twin for
servers. Runs in worker processes; never loads TensorFlow. Every limit is checked before pixels are
decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import stat
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np
from PIL import Image

from cari_keras.arrays import Array
from cari_keras.images.kinds import HEAD, described, kind_of
from cari_keras.images.pixels import PNG_END, quietly, to_rgb, upright

#: Raised when one file gives other pixels than before.
DECODING = 5

#: Formats that are tried, whatever a file's name ends in. Others (EPS, PDF ...) run programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

#: Kinds that Pillow reads with a package: its name there, the package, and what to do without it.
_WITH_PACKAGE = {
    "HEIC": ("HEIF", "pillow_heif", "pip install pillow-heif"),
    "HEIF": ("HEIF", "pillow_heif", "pip install pillow-heif"),
    "AVIF": ("AVIF", "pillow_avif", "pip install 'pillow>=11.3' or pillow-avif-plugin"),
}

#: Modes of Pillow that are read; CIELAB is not, for one.
_MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "F"}
)

#: More pixels are refused undecoded: they would take gigabytes, of a file of some kilobytes.
MAX_PIXELS = 100_000_000

#: In the message of a file that the system does not give.
CANNOT_BE_READ, NOT_THERE = "cannot be read", "no such file"

#: Shorter sides than this hold no face: 20 pixels is the least face that MTCNN looks for.
MIN_SIDE = 20


class RefusedError(Exception):
    """The file is not a usable picture; the text is the manifest's `reason`."""


def may_be_readable_later(reason: str) -> bool:
    """Whether a file was refused for what does not show in the file itself, such as permissions."""
    return CANNOT_BE_READ in reason or NOT_THERE in reason


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: uint8 RGB [height, width, 3], upright.
        sha256: Of the file's bytes, in hexadecimal.
    """

    pixels: Array
    sha256: str


def read_picture(path: Path, *, max_bytes: int, max_pixels: int) -> Picture:
    """Reads a picture file in which a face is to be found; see `decode_image`.

    Args:
        path: The file; its ending does not matter.
        max_bytes: Larger files are refused unread.
        max_pixels: Larger pictures are refused undecoded.

    Raises:
        RefusedError: The file cannot be read, is no picture, is damaged, too large or too small.
    """
    encoded = read_bytes(path, max_bytes)
    pixels = decode_image(encoded, max_pixels=max_pixels, min_side=MIN_SIDE)
    return Picture(pixels, hashlib.sha256(encoded).hexdigest())


def decode_image(encoded: bytes, *, max_pixels: int = MAX_PIXELS, min_side: int = 1) -> Array:
    """A file's bytes, of any common format, as upright uint8 RGB [height, width, 3].

    EXIF rotation is applied. Transparency is laid on white, be it a channel or one colour or
    palette entry that is to be clear: a drawing's lines are often black on nothing, and what lies
    below nothing is usually black too. 16-bit values keep their upper half; of several frames the
    first is taken. HEIC and AVIF are read where Pillow can.

    Args:
        encoded: The file's content.
        max_pixels: Larger pictures are refused undecoded.
        min_side: So are pictures with a shorter side.

    Raises:
        RefusedError: It is no picture, is damaged, too large or too small.
    """
    with quietly():
        image = _open(encoded)
        width, height = image.size
        if width * height > max_pixels:
            raise RefusedError(f"too many pixels ({width} x {height}, the limit is {max_pixels})")
        if min(width, height) < min_side:
            raise RefusedError(f"too small ({width} x {height}, the least side is {min_side})")
        if image.format == "PNG":
            _verify(image, encoded)
            image = _open(encoded)
    return _decode(image, encoded)


def of_pillow(image: Image.Image) -> Array:
    """A Pillow image as `decode_image` gives a file's: upright uint8 RGB [height, width, 3].

    Raises:
        RefusedError: It cannot be decoded, or its pixels are of a kind that is not read.
    """
    if not image.width or not image.height:
        raise RefusedError(f"has no pixels ({image.width} x {image.height})")
    try:
        own = image.copy()  # the caller's stays as it is
    except Exception as error:  # as in _open: of an opened file, this is when it is read
        raise RefusedError(f"cannot be decoded ({error})") from error
    return _decode(own, b"")


def read_bytes(path: Path, max_bytes: Optional[int] = None) -> bytes:
    """A file's content.

    Raises:
        RefusedError: It cannot be read, is no file, empty, or has more than `max_bytes`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("not a regular file")
        if status.st_size == 0:
            raise RefusedError("empty file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise RefusedError(f"too many bytes ({status.st_size}, the limit is {max_bytes})")
        with path.open("rb") as stream:
            return stream.read() if max_bytes is None else stream.read(max_bytes)
    except FileNotFoundError as error:
        raise RefusedError("broken link" if path.is_symlink() else NOT_THERE) from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        said = getattr(error, "strerror", None) or error
        raise RefusedError(f"{CANNOT_BE_READ} ({said})") from error


def _open(encoded: bytes) -> Image.Image:
    Image.init()  # else formats that Pillow has not met yet are unknown to it
    kind = kind_of(encoded[:HEAD])
    try:
        return Image.open(io.BytesIO(encoded), formats=_formats(kind))
    except Image.DecompressionBombError as error:
        raise RefusedError("too many pixels") from error
    except Exception as error:  # any decoder's own kind, on bytes that nobody vouches for
        raise RefusedError(_not_opened(kind, encoded)) from error


def _formats(kind: str) -> tuple[str, ...]:
    """Pillow's names of the formats to try for a kind of file; a package for it is loaded."""
    if kind not in _WITH_PACKAGE:
        return FORMATS
    name, module, _ = _WITH_PACKAGE[kind]
    if name not in Image.OPEN:
        with contextlib.suppress(ImportError):
            package = importlib.import_module(module)
            if name == "HEIF":
                package.register_heif_opener()
    return (name,) if name in Image.OPEN else ()


def _not_opened(kind: str, encoded: bytes) -> str:
    """Why Pillow does not know what to do with a file of some kind."""
    if not kind:
        return f"not a picture{described(encoded[:HEAD])}"
    if kind in _WITH_PACKAGE and not _formats(kind):
        return f"{kind} cannot be decoded here ({_WITH_PACKAGE[kind][-1]}, or save it as PNG)"
    if kind in FORMATS or kind in _WITH_PACKAGE:
        how = "anew" if kind == "PNG" else "as PNG"
        return f"damaged picture (or a kind of {kind} that cannot be read; save it {how})"
    return f"{kind} cannot be read (save it as PNG)"


def _verify(image: Image.Image, encoded: bytes) -> None:
    """Checks the checksums of a PNG, whose decoder takes damaged data for a shorter picture."""
    try:
        image.verify()
    except OSError as error:  # the file ends too soon, but its checksums hold up to there
        raise RefusedError("truncated picture") from error
    except Exception as error:  # as in _open
        raise RefusedError("damaged picture") from error
    if PNG_END not in encoded:  # whose checksum alone Pillow does not look at
        raise RefusedError("truncated picture")


def _decode(image: Image.Image, encoded: bytes) -> Array:
    try:
        image.load()
        if not (image.mode in _MODES or image.mode.startswith("I")):
            raise RefusedError(
                f"pixels of a kind that cannot be read ({image.mode}; save it as PNG)"
            )
        return np.ascontiguousarray(to_rgb(upright(image), encoded))
    except (MemoryError, RefusedError):
        raise
    except Exception as error:  # as in _open
        reason = "truncated picture" if "truncated" in str(error) else "damaged picture"
        raise RefusedError(reason) from error
