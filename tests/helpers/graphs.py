"""The decoder of exports, asked of files."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cari_keras.images.graph import Decoded, decoded_pixels


def graphs(content: bytes, side: int = 96) -> np.ndarray:
    """The pixels of a file that is not refused, uint8 [side, side, 3]."""
    found = decoded([content], side)
    assert found.error.numpy().tolist() == [b""]
    return found.pixels.numpy()[0]


def refusal(content: bytes) -> str:
    """Why a file is refused; empty where it is not."""
    return decoded([content], 96).error.numpy()[0].decode()


_functions: dict[int, tf.types.experimental.GenericFunction] = {}


def decoded(contents: list[bytes], side: int) -> Decoded:
    """As a graph has it, made once for each side: making it takes a second."""
    # The executor that the tests have for training waits for ever in loops.
    with tf.experimental.function_executor_type(""):
        if side not in _functions:
            _functions[side] = tf.function(
                lambda encoded: decoded_pixels(encoded, side),
                input_signature=[tf.TensorSpec([None], tf.string)],
            )
        return _functions[side](tf.constant(contents, tf.string))
