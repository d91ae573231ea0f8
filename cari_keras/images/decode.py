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
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np
from PIL import ExifTags, Image, ImageOps

from cari_keras.arrays import Array
from cari_keras.images.kinds import HEAD, described, kind_of

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

#: What every JPEG file begins with.
JPEG = b"\xff\xd8\xff"

#: What every PNG file begins with.
PNG = b"\x89PNG\r\n\x1a\n"

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

#: Modes of Pillow that are read; CIELAB is not, for one.
_MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "F"}
)

#: More pixels are refused undecoded: they would take gigabytes, of a file of some kilobytes.
MAX_PIXELS = 100_000_000

#: In the message of a file that the system does not give.
CANNOT_BE_READ, NOT_THERE = "cannot be read", "no such file"

_lock = threading.Lock()

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
    with _quietly():
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


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
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
        return f"damaged picture (or a {kind} of a kind that is not read; save it {how})"
    return f"{kind} is not read (save it as PNG)"


def _verify(image: Image.Image, encoded: bytes) -> None:
    """Checks the checksums of a PNG, whose decoder takes damaged data for a shorter picture."""
    try:
        image.verify()
    except OSError as error:  # the file ends too soon, but its checksums hold up to there
        raise RefusedError("truncated picture") from error
    except Exception as error:  # as in _open
        raise RefusedError("damaged picture") from error


def _decode(image: Image.Image, encoded: bytes) -> Array:
    try:
        image.load()
        if not (image.mode in _MODES or image.mode.startswith("I")):
            raise RefusedError(f"pixels of a kind that is not read ({image.mode}; save it as PNG)")
        return np.ascontiguousarray(_to_rgb(_upright(image), encoded))
    except (MemoryError, RefusedError):
        raise
    except Exception as error:  # as in _open
        reason = "truncated picture" if "truncated" in str(error) else "damaged picture"
        raise RefusedError(reason) from error


def _upright(image: Image.Image) -> Image.Image:
    """Turned by EXIF, which a JPEG and a PNG have in one place; XMP is not looked at there."""
    try:
        with _quietly():
            if image.format not in ("JPEG", "MPO", "PNG"):
                return ImageOps.exif_transpose(image)
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
            turn = _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
        return image if turn is None else image.transpose(turn)
    except Exception:  # unreadable metadata says nothing about rotation
        return image


def _to_rgb(image: Image.Image, encoded: bytes) -> Array:
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
