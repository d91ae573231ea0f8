"""Pixels to squares, to files and to sheets. Runs in worker processes: never loads TensorFlow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.files import atomic_path

JPEG_QUALITY = 95


def resize(image: Array, size: int) -> Array:
    """Resizes uint8 [h, w, 3] to [size, size, 3], whatever its aspect; averages areas to shrink."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    shrinks = height >= size and width >= size
    return cv2.resize(
        image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def to_jpeg(image: Array) -> bytes:
    """uint8 RGB [h, w, 3] as JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())


def to_png(image: Array) -> bytes:
    """uint8 RGB [h, w, 3] as PNG, without loss."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes())


def write_png(image: Array, path: Path) -> None:
    """Writes a uint8 RGB image as PNG, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_png(image))
