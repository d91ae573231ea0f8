"""What a module of a format provides."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.serving.endpoints import Look

#: A file of a run-time, ready to answer, in several threads at once: from uint8 RGB [n, S, S, 3],
#: n from 1, to the numbers of a branch, float32 [n, ...] each; see `Look` for their names.
Run = Callable[[Array], dict[str, Array]]

#: The name of the one input of every file.
INPUT = "image"

#: Images that a file is calibrated on at once.
CALIBRATION_BATCH = 4


class Runtime(NamedTuple):
    """A format.

    Attributes:
        write: From how a branch looks at pixels, S, a new folder and, for 8 bits, the images that
            they are calibrated on, uint8 RGB [n, S, S, 3], to a file of the format in the folder.
        opened: From the folder to what answers. Raises CheckpointError where there is no such file.
    """

    write: Callable[[Look, int, Path, Optional[Array]], None]
    opened: Callable[[Path], Run]


def library(name: str, form: str) -> Any:
    """A package of a format, or a part of it.

    Raises:
        ConfigError: It is not installed; with the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the format {form} needs {name} ({error}); pip install 'cari_keras[{form}]'"
        ) from error


def looking(run: Run) -> Look:
    """A run-time in the place of a branch's own layers, for endpoints that are called eagerly."""

    def look(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: tf.constant(value) for name, value in run(pixels.numpy()).items()}

    return look


def calibration_batches(images: Array) -> Iterator[Array]:
    """The images that 8 bits are calibrated on, a few at a time."""
    for start in range(0, len(images), CALIBRATION_BATCH):
        yield images[start : start + CALIBRATION_BATCH]
