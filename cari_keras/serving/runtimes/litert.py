"""LiteRT, formerly TensorFlow Lite, which TensorFlow brings; preprocessing is in the graph."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Optional

import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.process import usable_cores
from cari_keras.runtime import libraries_quiet
from cari_keras.serving.endpoints import Look
from cari_keras.serving.runtimes.base import INPUT, Run, Runtime

FILE = "model.tflite"


def write(look: Look, side: int, folder: Path, images: Optional[Array] = None) -> None:
    """See `Runtime.write`.

    Raises:
        ConfigError: 8 bits are asked for.
    """
    if images is not None:
        # LiteRT's quantiser takes every operation it can, the standardisation of pixels as well.
        raise ConfigError("8 bits apply only to the formats onnx and openvino; leave --int8 out")
    spec = tf.TensorSpec([None, side, side, 3], tf.uint8, name=INPUT)
    concrete = tf.function(look, input_signature=[spec]).get_concrete_function()
    holder = tf.Module()
    holder.held = list(concrete.variables)  # what is tracked can be saved
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder)
    with libraries_quiet():
        content = converter.convert()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(content)


def opened(folder: Path) -> Run:
    """See `Runtime.opened`."""
    path = folder / FILE
    try:
        with libraries_quiet(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
            interpreter = tf.lite.Interpreter(str(path), num_threads=len(usable_cores()))
            answer = interpreter.get_signature_runner()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: cannot be opened; export the network again ({error})"
        ) from error
    lock = threading.Lock()  # an interpreter is for one thread at a time

    def run(pixels: Array) -> dict[str, Array]:
        with lock:
            return {name: value.copy() for name, value in answer(**{INPUT: pixels}).items()}

    return run


RUNTIME = Runtime(write, opened)
