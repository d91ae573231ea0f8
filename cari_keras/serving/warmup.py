"""Requests that TensorFlow Serving replays when it loads a model, so that no client waits.

The file holds PredictionLog messages. They are put together field by field, since the package that
knows them, tensorflow-serving-api, would pull another TensorFlow; tests read them with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.records.shards import write_shard

#: Where the server looks for them.
PLACE = Path("assets.extra") / "tf_serving_warmup_requests"


def write_warmup(model: Path, name: str, requests: Mapping[str, Mapping[str, Array]]) -> None:
    """Writes a model's warm-up requests.

    Args:
        model: The SavedModel's folder.
        name: The model's name on the server.
        requests: Signature -> input -> value.
    """
    path = model / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_shard(path, (prediction_log(name, *request) for request in requests.items()))


def prediction_log(name: str, signature: str, inputs: Mapping[str, Array]) -> bytes:
    """A serialised `tensorflow.serving.PredictionLog` with one request."""
    model_spec = _field(1, name.encode()) + _field(3, signature.encode())
    request = _field(1, model_spec)
    for key, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(2, _field(1, key.encode()) + _field(2, tensor))
    predict_log = _field(1, request)
    return _field(6, predict_log)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
