"""Images as the records hold them. Runs in worker processes, so it never loads TensorFlow."""

from __future__ import annotations

from typing import Optional, Union

import cv2
import numpy as np

from cari_keras.data.base import Dataset, Sample
from cari_keras.errors import DatasetError
from cari_keras.workers import end_with_parent

JPEG_QUALITY = 95

#: Raised when one file gives other pixels than before.
DECODING = 3

_dataset: Optional[Dataset] = None


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes uint8 [h, w, 3] to [size, size, 3], whatever its aspect; averages areas to shrink."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    shrinks = height >= size and width >= size
    return cv2.resize(
        image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def start_worker(dataset: Dataset) -> None:
    """Hands the dataset to a process once; it has one OpenCV thread, and ends with its parent."""
    global _dataset
    end_with_parent()
    _dataset = dataset
    cv2.setNumThreads(1)


def encode_in_worker(sample: Sample, size: int) -> Union[bytes, str]:
    """`encode` in a process that `start_worker` has started."""
    assert _dataset is not None, "start_worker was not called"
    return encode(_dataset, sample, size)


def encode(dataset: Dataset, sample: Sample, size: int) -> Union[bytes, str]:
    """The sample's image as JPEG bytes, or one line saying why it cannot be read."""
    try:
        image = resize(dataset.load(sample), size)
    except DatasetError as error:
        return str(error)
    return to_jpeg(image)


def to_jpeg(image: np.ndarray) -> bytes:
    """uint8 RGB [h, w, 3] as JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
