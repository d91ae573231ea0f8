"""Any image a user may hand over, as the pixels that the endpoints take."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Optional, Union

import cv2
import numpy as np

from cari_keras.align.config import AlignConfig
from cari_keras.align.crop import crop, place_face
from cari_keras.align.finder import find_faces, main_face
from cari_keras.data.base import CANNOT_BE_READ
from cari_keras.data.encoding import resize
from cari_keras.data.pictures import RefusedError, decode_image, decode_picture
from cari_keras.errors import ImageError

#: A path, a file's bytes, or pixels: uint8 RGB [h, w, 3].
Image = Union[str, "os.PathLike[str]", bytes, np.ndarray]


class Faces:
    """Turns images into squares of one size.

    Args:
        size: S.
        align: Find the main face of each image and cut it out by these settings, as `cari-align`
            does; files are then read as it does. None: the whole image is read, and resized
            whatever its aspect, as evaluation does.
    """

    def __init__(self, size: int, align: Optional[AlignConfig] = None) -> None:
        self.size, self.align = size, align
        self._detector: Any = None
        # The detector's own networks are not known to be safe in several threads.
        self._lock = threading.Lock()

    def __call__(self, image: Image, modality: str) -> np.ndarray:
        """uint8 RGB [S, S, 3].

        Raises:
            ImageError: The image cannot be read, is not an image, or shows no face to align.
        """
        pixels = self._read(image)
        if self.align is None:
            return resize(pixels, self.size)
        return self._aligned(pixels, modality, name_of(image), self.align)

    def _read(self, image: Image) -> np.ndarray:
        if isinstance(image, np.ndarray):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
                raise ImageError(
                    "an image must be uint8 RGB [height, width, 3]. Received: "
                    f"{image.dtype} {list(image.shape)}"
                )
            return image
        if not isinstance(image, (bytes, str, os.PathLike)):
            raise ImageError(
                "an image must be a path, a file's bytes or uint8 RGB [height, width, 3]. "
                f"Received: {type(image).__name__}"
            )
        content = image if isinstance(image, bytes) else _content(image)
        try:
            if self.align:
                return decode_picture(content, max_pixels=self.align.max_pixels).pixels
            return decode_image(content)
        except RefusedError as error:
            raise ImageError(f"{name_of(image)}: {error}") from error

    def _aligned(
        self, pixels: np.ndarray, modality: str, name: str, config: AlignConfig
    ) -> np.ndarray:
        with self._lock:
            if self._detector is None:
                from cari_keras.align.detector import Detector

                self._detector = Detector()
            _, found = find_faces(self._detector, pixels, modality, max_side=config.max_side)
        if not found:
            raise ImageError(
                f"{name}: no face found; --no-align (align=False) takes a picture whole that "
                "was cut out as those were that the network was trained on"
            )
        face = main_face(found, *pixels.shape[:2])
        return crop(pixels, place_face(face, config))


def _content(path: Union[str, os.PathLike[str]]) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{name_of(path)}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise ImageError(f"{name_of(path)}: {CANNOT_BE_READ} ({error})") from error


def name_of(image: Image) -> str:
    """What an image is called in messages."""
    return str(image) if isinstance(image, (str, os.PathLike)) else "the image"


def as_png(pixels: np.ndarray) -> bytes:
    """uint8 RGB [h, w, 3] as PNG, without loss."""
    encoded = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1]
    return bytes(encoded.tobytes())


def side_by_side(*images: np.ndarray, gap: Optional[int] = None) -> np.ndarray:
    """Images of one height beside each other on white: uint8 [h, ..., 3]."""
    height = images[0].shape[0]
    space = np.full((height, gap or height // 20, 3), 255, np.uint8)
    parts = [part for image in images for part in (image, space)][:-1]
    return np.concatenate(parts, axis=1)
