"""Keras, imported in this one place: on TensorFlow, whatever else its user has set up.

All other modules take it from here. Layers of the package name their data type and where the
channels are, so that they do not depend on Keras' global settings; what cannot be told by an
argument is made within `plain_settings`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

from cari_keras.errors import ConfigError
from cari_keras.runtime import keras_json_named

BACKEND = "KERAS_BACKEND"

#: Keras' settings are the process's.
_LOCK = threading.RLock()


@contextlib.contextmanager
def _on_tensorflow() -> Iterator[None]:
    """Keras, imported in the block, computes with TensorFlow, whatever its keras.json names."""
    before = {name: os.environ.pop(name, None) for name in (BACKEND, "TF_USE_LEGACY_KERAS")}
    os.environ[BACKEND] = "tensorflow"
    try:
        yield
    finally:
        del os.environ[BACKEND]
        os.environ.update({name: value for name, value in before.items() if value is not None})


_FIRST = "keras" not in sys.modules

with _on_tensorflow(), keras_json_named():
    import keras
    import tensorflow as tf

    tf.keras.layers  # noqa: B018 - TensorFlow decides now which Keras that is, for mtcnn

if keras.backend.backend() != "tensorflow":
    raise ConfigError(
        f"Keras was imported with {BACKEND} {keras.backend.backend()}, and cari_keras runs on "
        f"tensorflow; set {BACKEND}=tensorflow before Keras is imported"
    )
if _FIRST and os.environ.get(BACKEND, "tensorflow") != "tensorflow" and hasattr(keras, "ops"):
    warnings.warn(
        f"{BACKEND} is {os.environ[BACKEND]}, but cari_keras has imported Keras on tensorflow for "
        "the whole process",
        stacklevel=2,
    )


@contextlib.contextmanager
def plain_settings() -> Iterator[None]:
    """Keras' global settings are as it comes, until the block ends; for what is made in it."""
    backend, policies = keras.backend, keras.mixed_precision
    with _LOCK:
        before = backend.floatx(), backend.epsilon(), backend.image_data_format()
        policy = policies.global_policy()
        other = policy.name != "float32"  # it is not touched where it need not be
        _set("float32", 1e-7, "channels_last")
        if other:
            policies.set_global_policy("float32")
        try:
            yield
        finally:
            _set(*before)
            if other:
                policies.set_global_policy(policy)


def _set(floatx: str, epsilon: float, data_format: str) -> None:
    keras.backend.set_floatx(floatx)
    keras.backend.set_epsilon(epsilon)
    keras.backend.set_image_data_format(data_format)


__all__ = ["keras", "plain_settings"]
