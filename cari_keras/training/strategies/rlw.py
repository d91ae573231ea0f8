"""Random weights, drawn anew for every batch."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import masked_softmax


class Weighting(Strategy):
    """Random loss weighting, Lin et al. (2022): w = softmax(g), g three standard normal numbers.

    They are a function of the run's seed and of the iteration, so that a resumed run draws the
    same.
    """

    def weights(self, observed: Observed) -> tf.Tensor:
        # Below zero, where no dropout mask has its seed: the numbers must not go with the masks.
        seed = tf.stack([tf.constant(-1 - self.settings.seed, tf.int64), observed.iteration])
        return masked_softmax(tf.random.stateless_normal([3], seed), observed.active)
