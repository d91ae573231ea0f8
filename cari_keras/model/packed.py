"""Weights in a quarter of their size: 8-bit kernels with a scale for each output channel.

The kernels of convolutions and dense layers are nearly all of a network. Of each, an output channel
c is stored as int8 values q with one float32 scale s[c] = max |w[..., c]| / 127, so that
w[..., c] = q[..., c] s[c] up to half a scale. What is small (biases, BatchNorm's parameters and
statistics) stays float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cari_keras.arrays import Array

#: Behind a kernel's name: its scales. No layer's weight has a name with it.
SCALE = "|scale"

#: A kernel of fewer weights is left as it is.
LEAST = 4096


def pack(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays to store in place of a network's.

    Args:
        arrays: Float32 arrays by `layer/weight`. Those of two dimensions and more, of at least
            `LEAST` weights, are kernels, whose last axis is the output channels'.

    Returns:
        int8 arrays under the kernels' names, float32 scales [C] under these with `SCALE` behind,
        and the other arrays as they are.
    """
    packed: dict[str, Array] = {}
    for name, array in arrays.items():
        if array.ndim < 2 or array.size < LEAST:
            packed[name] = array
            continue
        largest = np.abs(array).max(axis=tuple(range(array.ndim - 1)))
        scale = np.maximum(largest / 127.0, np.finfo(np.float32).tiny).astype(np.float32)
        packed[name] = np.round(array / scale).clip(-127, 127).astype(np.int8)
        packed[name + SCALE] = scale
    return packed


def unpack(stored: Mapping[str, Array]) -> dict[str, Array]:
    """Float32 arrays from those of `pack`; arrays that were not packed are left as they are.

    Raises:
        KeyError: A kernel's scales are not there.
        ValueError: The scales are not of the kernel's output channels.
    """
    return {
        name: array * stored[name + SCALE] if array.dtype == np.int8 else array
        for name, array in stored.items()
        if not name.endswith(SCALE)
    }
