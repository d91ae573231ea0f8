"""Dropout whose masks depend on the step alone, so that a resumed run draws the same ones."""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf

from cari_keras import replicas
from cari_keras.stack import keras


class Dropout(keras.layers.Layer):
    """Drops features with probability `rate` and scales the others by 1 / (1 - rate).

    Keras' own layer keeps its random state where no checkpoint reaches it (Keras 2), or in a
    variable that Keras 3 alone has. This one's mask is a pure function of `seed`, `counter` and
    the input's shape: whoever trains sets the counter to the step's number before the step.

    Args:
        rate: In [0, 1).
        seed: Layers of one network need different ones.

    Attributes:
        counter: int64 scalar variable, no weight of the layer's: it is set, not learned or saved.
    """

    def __init__(self, rate: float, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self._step = _Step()

    @property
    def counter(self) -> tf.Variable:
        return self._step.number

    def call(self, inputs: tf.Tensor, training: Optional[bool] = None) -> tf.Tensor:
        if not training or not self.rate:
            return inputs
        seed = tf.stack([tf.constant(self.seed, tf.int64), self.counter.read_value()])
        shape = tf.shape(inputs)
        # Drawn for the whole batch, so that the masks do not depend on how many replicas share it.
        everywhere = tf.concat([shape[:1] * replicas.count(), shape[1:]], axis=0)
        draws = replicas.own_rows(tf.random.stateless_uniform(everywhere, seed))
        kept = tf.cast(draws >= self.rate, inputs.dtype)
        return inputs * kept / (1.0 - self.rate)


class _Step:
    """Holds a variable where Keras does not look for weights."""

    def __init__(self) -> None:
        self.number = tf.Variable(0, dtype=tf.int64, trainable=False)
