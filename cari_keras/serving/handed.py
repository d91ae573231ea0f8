"""The types that a user may pass as an image or as several, and their names in messages."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, Optional, Protocol, Union, runtime_checkable

import numpy as np
from PIL import Image as Pillow

from cari_keras.arrays import Array
from cari_keras.errors import MOST_SHOWN, shown
from cari_keras.files import user_path
from cari_keras.images.decode import MAX_PIXELS, RefusedError, decode_image, of_pillow, read_bytes


@runtime_checkable
class Readable(Protocol):
    """An open file of bytes, such as `io.BytesIO`."""

    def read(self) -> bytes: ...


#: A path; a file's bytes; an open file; a Pillow image; or pixels, uint8 RGB [h, w, 3].
Image = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Readable, Pillow.Image, Array]

#: Several images. Any other iterable is as good, and an array [n, h, w, 3]; text is one too, which
#: is why the type is not Iterable.
Images = Union[list[Image], tuple[Image, ...], Iterator[Image]]

_ONE = (str, os.PathLike, bytes, bytearray, memoryview, Readable, Pillow.Image)


def several(images: Any) -> Optional[list[Image]]:
    """The images, where they are several, if perhaps of one; None for a single image.

    Example:
        >>> several("a.jpg"), several(["a.jpg"]), several(iter("ab"))
        (None, ['a.jpg'], ['a', 'b'])
    """
    if isinstance(images, np.ndarray):
        return list(images) if images.ndim == 4 else None
    if isinstance(images, _ONE) or not isinstance(images, Iterable):
        return None
    return list(images)


def pixels_of(image: Any, *, max_pixels: int = MAX_PIXELS, min_side: int = 1) -> Array:
    """An image's upright pixels, uint8 RGB [height, width, 3]; limits as for `decode_image`.

    Raises:
        RefusedError: It is no image, cannot be read, or is not within the limits.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise RefusedError(f"must be uint8 RGB [height, width, 3]. Received: {shown(image)}")
        return image
    if isinstance(image, Pillow.Image):
        return of_pillow(image)
    if not isinstance(image, _ONE):
        raise RefusedError(
            "must be a path, a file's bytes, an open file, a Pillow image or uint8 RGB [height, "
            f"width, 3]. Received: {type(image).__name__}"
        )
    return decode_image(_content(image), max_pixels=max_pixels, min_side=min_side)


def name_of(image: Any) -> str:
    """What an image is called in messages; empty where it has no name."""
    return shown(os.fspath(image)) if isinstance(image, (str, os.PathLike)) else ""


def _content(image: Any) -> bytes:
    """A file's bytes.

    Raises:
        RefusedError: It cannot be read.
    """
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, io.BytesIO):  # wherever it was left by who has written it
        return image.getvalue()
    if isinstance(image, Readable):
        return _read(image)
    try:
        return read_bytes(user_path(image))
    except RefusedError as error:
        text = os.fspath(image)
        if isinstance(text, str) and (len(text) > MOST_SHOWN or text.startswith("data:")):
            raise RefusedError(
                f"{error}; decode base64 text to bytes with base64.b64decode"
            ) from error
        raise


def _read(stream: Readable) -> bytes:
    try:
        content = stream.read()
    except (OSError, ValueError) as error:  # ValueError: it is closed, or no UTF-8
        raise RefusedError(f"cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise RefusedError("is open as text; open the file with mode 'rb'")
    return content
