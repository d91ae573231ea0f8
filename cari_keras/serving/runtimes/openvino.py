"""OpenVINO: from the ONNX file, run on the processor; preprocessing is in the graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Optional

from cari_keras.arrays import Array
from cari_keras.errors import CheckpointError
from cari_keras.serving.endpoints import Look
from cari_keras.serving.runtimes import onnx
from cari_keras.serving.runtimes.base import INPUT, Run, Runtime, library

FORM = "openvino"
FILE = "model.xml"

#: As the network computes: OpenVINO itself would take bfloat16 where a processor has it, by which
#: embeddings of the network that comes with the package move by 0.002.
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32"}


def write(look: Look, side: int, folder: Path, images: Optional[Array] = None) -> None:
    """See `Runtime.write`."""
    library("tf2onnx", FORM)
    runtime = library("openvino", FORM)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".onnx.", dir=folder) as between:
        onnx.write(look, side, Path(between), images)
        # Not by `convert_model`, which reports its use to the makers.
        model = runtime.Core().read_model(str(Path(between) / onnx.FILE))
        runtime.save_model(model, str(folder / FILE), compress_to_fp16=False)
        del model  # which reads the weights from the ONNX file


def opened(folder: Path) -> Run:
    """See `Runtime.opened`."""
    runtime = library("openvino", FORM)
    path = folder / FILE
    try:
        compiled = runtime.compile_model(str(path), "CPU", _SETTINGS)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: cannot be opened; export the network again ({error})"
        ) from error
    names = [output.get_any_name() for output in compiled.outputs]

    def run(pixels: Array) -> dict[str, Array]:
        # A request of its own: the model's own one is for a single thread.
        found = compiled.create_infer_request().infer({INPUT: pixels})
        return {name: found[i].copy() for i, name in enumerate(names)}

    return run


RUNTIME = Runtime(write, opened)
