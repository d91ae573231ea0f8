#!/usr/bin/env python
"""A small client of TensorFlow Serving: sends image files to one of the exported models.

    .venv/bin/python scripts/serving_client.py photo photo.jpg
    .venv/bin/python scripts/serving_client.py verification photo.jpg --host server:8501
    .venv/bin/python scripts/serving_client.py verify photo.jpg drawing.png
    .venv/bin/python scripts/serving_client.py photo photo.jpg --grpc --host server:8500
    .venv/bin/python scripts/serving_client.py verify a.jpg b.jpg --align saved_models

REST needs nothing but Python; --grpc needs the extra `client`: pip install 'cari_keras[client]'.
--align needs the package and the exports, or their export.json: faces are found and cut out before
they are sent, as load_model does it.
Answers of images that the server refused are zeros, named on standard error; the status is then 1.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

#: What is asked -> (model, signature, names of its inputs).
QUESTIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "verification": ("verification", "serving_bytes", ("image_bytes",)),
    "caricature": ("caricature", "serving_bytes", ("image_bytes",)),
    "photo": ("photo", "serving_bytes", ("image_bytes",)),
    "verify": ("verification", "verify", ("photo_bytes", "caricature_bytes")),
    "verify_identities": (
        "verification",
        "verify_identities",
        ("photo_bytes", "caricature_bytes"),
    ),
    "verify_photos": ("verification", "verify_photos", ("photo_bytes", "other_photo_bytes")),
}


class RequestError(Exception):
    """The server refused a request, or cannot be reached."""


def rest_body(signature: str, inputs: dict[str, list[bytes]]) -> dict[str, Any]:
    """The JSON body of a `:predict` request, in columns: names -> as many files of each."""
    columns = {
        name: [{"b64": base64.b64encode(content).decode()} for content in files]
        for name, files in inputs.items()
    }
    return {"signature_name": signature, "inputs": columns}


#: Seconds to wait for an answer.
TIMEOUT = 60


def ask_rest(
    host: str, model: str, signature: str, inputs: dict[str, list[bytes]]
) -> dict[str, list[Any]]:
    """Asks over REST; outputs by name, a list with a value for each image.

    Raises:
        RequestError: The server refused, with its own words, or cannot be reached.
    """
    url = f"http://{host}/v1/models/{model}:predict"
    body = json.dumps(rest_body(signature, inputs)).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            outputs = json.load(response)["outputs"]
            if not isinstance(outputs, dict):  # the server leaves out the name of a single output
                outputs = {"embedding": outputs}
    except urllib.error.HTTPError as error:
        content = error.read()
        try:
            said = json.loads(content)["error"]
        except (ValueError, KeyError, TypeError):  # not the server's own answer
            said = str(error)
        raise RequestError(said) from error
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        raise RequestError(f"{url}: {error}") from error
    return dict(outputs)


def grpc_request(model: str, signature: str, inputs: dict[str, list[bytes]]) -> Any:
    """The `PredictRequest` message of the same question."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, files in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(files, tf.string))
    return request


def ask_grpc(
    host: str, model: str, signature: str, inputs: dict[str, list[bytes]]
) -> dict[str, list[Any]]:
    """Asks over gRPC; as `ask_rest`."""
    try:
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_service_pb2_grpc
    except ImportError as error:
        raise RequestError(
            f"--grpc needs the extra client: pip install 'cari_keras[client]' ({error})"
        ) from error
    with grpc.insecure_channel(host) as channel:
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            answer = service.Predict(grpc_request(model, signature, inputs), timeout=60)
        except grpc.RpcError as error:
            raise RequestError(error.details()) from error
    found = {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
    return {name: _as_text(values.tolist()) for name, values in found.items()}


def refused(found: dict[str, list[Any]], images: list[str]) -> list[str]:
    """A line for each row that the server refused, which names its image, or the pair's two.

    Args:
        found: Outputs by name.
        images: As many of each row, one row after the other.
    """
    errors = found.get("error", [])
    each = len(images) // max(len(errors), 1)
    rows = [images[k * each : (k + 1) * each] for k in range(len(errors))]
    return [f"{', '.join(row)}: {error}" for row, error in zip(rows, errors) if error]


def aligned(
    paths: list[str], folder: Path, model: str, names: tuple[str, ...], modality: str
) -> list[bytes]:
    """The main face of each image as a PNG, cut out as the model is to see it.

    Args:
        paths: Images, those of a row one after the other.
        folder: Of the exports; their cards say how faces are cut out.
        model: Which of them is asked.
        names: Of a row's inputs, which tell the modality of a pair's images.
        modality: Of images whose input and model do not tell it.

    Raises:
        RequestError: The package or the exports are not there, or an image shows no face.
    """
    try:
        from cari_keras.errors import CariError
        from cari_keras.images.encode import to_png
        from cari_keras.serving.exported import faces_of
    except ImportError as error:
        raise RequestError(f"--align needs the package cari_keras ({error})") from error
    told = {"photo_bytes": "photo", "other_photo_bytes": "photo", "caricature_bytes": "caricature"}
    found = []
    try:
        faces = faces_of(folder, model)
        for i, path in enumerate(paths):
            own = modality if model == "verification" else model
            found.append(to_png(faces(path, told.get(names[i % len(names)], own))))
    except CariError as error:
        raise RequestError(str(error)) from error
    return found


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", choices=QUESTIONS)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="for verify: photo, drawing")
    parser.add_argument("--grpc", action="store_true", help="gRPC instead of REST")
    parser.add_argument("--host", help="host:port [localhost:8501, with --grpc localhost:8500]")
    parser.add_argument(
        "--align",
        metavar="DIR",
        type=Path,
        help="find and cut out faces first, by the settings of the exports in DIR",
    )
    parser.add_argument(
        "--modality",
        choices=("photo", "caricature"),
        default="photo",
        help="modality of the images for `verification` with --align, which demands more "
        "confidence for photos [%(default)s]",
    )
    given = parser.parse_args()
    model, signature, names = QUESTIONS[given.question]
    if len(given.images) % len(names):
        parser.error("verify takes a photo and a drawing, or several such pairs")
    host = given.host or ("localhost:8500" if given.grpc else "localhost:8501")
    try:
        if given.align is None:
            files = [Path(path).read_bytes() for path in given.images]
        else:
            files = aligned(given.images, given.align, model, names, given.modality)
        inputs = {name: files[k :: len(names)] for k, name in enumerate(names)}
        found = (ask_grpc if given.grpc else ask_rest)(host, model, signature, inputs)
    except (RequestError, OSError) as error:
        print(f"serving_client.py: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, ensure_ascii=False))
    lines = refused(found, given.images)
    for line in lines:
        print(f"serving_client.py: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
