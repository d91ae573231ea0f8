"""ONNX: written by tf2onnx, run by ONNX Runtime; preprocessing is in the graph."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.errors import CheckpointError
from cari_keras.serving.endpoints import Look
from cari_keras.serving.runtimes.base import (
    INPUT,
    Run,
    Runtime,
    calibration_batches,
    library,
)

FORM = "onnx"
FILE = "model.onnx"

#: Of the operators: the newest that tf2onnx 1.17 and OpenVINO both know.
OPSET = 17

_PROVIDERS = ["CPUExecutionProvider"]


def write(look: Look, side: int, folder: Path, images: Optional[Array] = None) -> None:
    """See `Runtime.write`."""
    converter = library("tf2onnx", FORM)
    path = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    spec = tf.TensorSpec([None, side, side, 3], tf.uint8, name=INPUT)
    with _quietly():
        model, _ = converter.convert.from_function(
            tf.function(look), input_signature=[spec], opset=OPSET
        )
    _reach_whole_sizes(model)
    library("onnx", FORM).save(model, str(path))
    if images is not None:
        _to_8_bits(path, images)


def opened(folder: Path) -> Run:
    """See `Runtime.opened`."""
    runtime = library("onnxruntime", FORM)
    path = folder / FILE
    try:
        session = runtime.InferenceSession(str(path), providers=_PROVIDERS)
    except Exception as error:  # its own types, which it does not document
        raise CheckpointError(
            f"{path}: cannot be opened; export the network again ({error})"
        ) from error
    names = [output.name for output in session.get_outputs()]

    def run(pixels: Array) -> dict[str, Array]:
        return dict(zip(names, session.run(names, {INPUT: pixels})))

    return run


class _Reader:
    """Images to calibrate on, as the quantiser asks for them (its `CalibrationDataReader`)."""

    def __init__(self, images: Array) -> None:
        self._batches = calibration_batches(images)

    def get_next(self) -> Optional[dict[str, Array]]:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _to_8_bits(path: Path, images: Array) -> None:
    """Convolutions and products of matrices in 8 bits, by the ranges that images give them.

    What prepares the pixels, and what makes an embedding of the last layer, stays as it was.
    """
    quantization = library("onnxruntime.quantization", FORM)
    whole = path.with_name(f"float32-{path.name}")
    path.replace(whole)
    with _quietly():
        quantization.quantize_static(
            str(whole),
            str(path),
            _Reader(images),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    whole.unlink()


def _reach_whole_sizes(model: Any) -> None:
    """Scales of resizing are raised by a hair, so that none falls short of the size it stands for.

    ONNX takes the floor of side times scale, and 76 times the float32 nearest to 80 / 76 is 79.99.
    """
    numpy_helper = library("onnx.numpy_helper", FORM)
    scales = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}
    for constant in model.graph.initializer:
        if constant.name in scales:
            values = numpy_helper.to_array(constant)
            raised = np.where(values == 1, values, values * (1 + 1e-6)).astype(values.dtype)
            constant.CopyFrom(numpy_helper.from_array(raised, constant.name))
    del model.graph.value_info[:]  # sizes as they were inferred before


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """tf2onnx tells of every pass over the graph, the quantiser of what it would have first."""
    loggers = [logging.getLogger(name) for name in ("tf2onnx", "root", "")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before):
            logger.setLevel(level)


RUNTIME = Runtime(write, opened)
