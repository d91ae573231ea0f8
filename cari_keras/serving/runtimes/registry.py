"""The formats by their names."""

from __future__ import annotations

import importlib
from typing import cast

from cari_keras.serving.runtimes.base import Runtime
from cari_keras.vocabulary import FORMATS, check_word


def runtime_of(form: str) -> Runtime:
    """The run-time of a format other than TensorFlow's own.

    Raises:
        ConfigError: There is no such format.
    """
    check_word("format", form, FORMATS[1:])
    module = importlib.import_module(f"cari_keras.serving.runtimes.{form}")
    return cast(Runtime, module.RUNTIME)
