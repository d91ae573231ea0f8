"""A dataset's images as the records hold them, made in worker processes without TensorFlow."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Optional, Union

import cv2

from cari_keras.data.base import Dataset
from cari_keras.errors import DatasetError
from cari_keras.images.encode import resize, to_jpeg, to_png
from cari_keras.records.sample import Sample
from cari_keras.workers import end_with_parent

#: A file's bytes, or one line that says why the image cannot be read.
Encoded = Union[bytes, str]

_dataset: Optional[Dataset] = None


class Encoder:
    """Encodes images in processes, or in this one where a single worker is asked for.

    Args:
        dataset: Where images are read.
        workers: How many processes.
    """

    def __init__(self, dataset: Dataset, workers: int) -> None:
        self.dataset = dataset
        self.pool: Optional[ProcessPoolExecutor] = None
        if workers > 1:
            # Spawned, not forked: the parent may have TensorFlow's threads running.
            self.pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(dataset,),
            )

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)

    def encode(self, samples: Sequence[Sample], image_size: int) -> Iterator[Encoded]:
        """Each sample's image, in order.

        Raises:
            DatasetError: A process was killed.
        """
        if not self.pool:
            for sample in samples:
                yield encode(self.dataset, sample, image_size)
            return
        work = partial(_encode_in_worker, size=image_size)
        try:
            yield from self.pool.map(work, samples, chunksize=16)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that prepares images was killed, usually because memory ran "
                "out; free some memory, or remove the largest pictures"
            ) from error


def encode(dataset: Dataset, sample: Sample, size: int) -> Encoded:
    """The sample's image, resized, as a file's bytes: PNG where looked at once, else JPEG."""
    try:
        image = resize(dataset.load(sample), size)
    except DatasetError as error:
        return str(error)
    return to_png(image) if dataset.once else to_jpeg(image)


def _start(dataset: Dataset) -> None:
    """Hands the dataset to a process once; it has one OpenCV thread, and ends with its parent."""
    global _dataset
    end_with_parent()
    _dataset = dataset
    cv2.setNumThreads(1)


def _encode_in_worker(sample: Sample, size: int) -> Encoded:
    assert _dataset is not None, "_start was not called"
    return encode(_dataset, sample, size)
