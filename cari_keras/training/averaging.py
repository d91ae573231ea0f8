"""Exponential moving average of the network's variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class MovingAverage:
    """Shadow copies that follow the variables: shadow += (1 - decay_t) * (variable - shadow).

    `decay_t = min(decay, (1 + t) / (10 + t))` at step t, as TensorFlow 1's
    ExponentialMovingAverage has it, so that a short run is not held at its initial values. The
    moving statistics of BatchNorm are averaged as well, since they belong to the averaged weights.

    Args:
        variables: Variables by name.
        decay: In [0, 1).
    """

    def __init__(self, variables: Mapping[str, Any], decay: float) -> None:
        self.decay = decay
        self.variables = dict(variables)
        self.shadows = {
            name: tf.Variable(tf.convert_to_tensor(variable), trainable=False)
            for name, variable in self.variables.items()
        }

    def update(self, step: tf.Tensor) -> None:
        """Moves every shadow; `step` is the number of updates made before, an integer scalar."""
        t = tf.cast(step, tf.float32)
        rate = 1.0 - tf.minimum(self.decay, (1.0 + t) / (10.0 + t))
        for name, shadow in self.shadows.items():
            shadow.assign_add(rate * (tf.convert_to_tensor(self.variables[name]) - shadow))

    def values(self) -> dict[str, tf.Tensor]:
        """The averages; of what a constraint holds, such as vectors of unit length, held as well.

        The mean of unit vectors is shorter than they are.
        """
        found = {}
        for name, shadow in self.shadows.items():
            constraint = getattr(self.variables[name], "constraint", None)
            value = tf.convert_to_tensor(shadow)
            found[name] = value if constraint is None else constraint(value)
        return found

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the network's variables hold the averages; after it their own values."""
        with holding(self.variables, self.values()):
            yield


@contextmanager
def holding(variables: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """Inside the block the variables named in `values` hold those; after it their own again."""
    held = {name: variables[name] for name in values}
    own = {name: tf.identity(tf.convert_to_tensor(v)) for name, v in held.items()}
    for name, variable in held.items():
        variable.assign(values[name])
    try:
        yield
    finally:
        for name, variable in held.items():
            variable.assign(own[name])
