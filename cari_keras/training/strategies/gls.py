"""Weights by which Theta descends the geometric mean of the losses."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import inverse_losses


class Weighting(Strategy):
    """Geometric loss, Chennupati et al. (2019): G = (product of the n active L_i) ** (1 / n).

    G's gradient is the sum of w_i times L_i's with w_i = G / (n L_i): each loss counts by its
    relative change. The weights fall with the losses, and need not sum to 1.
    """

    def weights(self, observed: Observed) -> tf.Tensor:
        inverse = inverse_losses(observed.losses, observed.active)
        active = tf.cast(observed.active, tf.float32)
        count = tf.maximum(tf.reduce_sum(active), 1.0)
        # The inverse losses, since a loss of 0 has been raised in them; log 1 for who is absent.
        logarithms = tf.math.log(tf.where(observed.active, inverse, tf.ones(3)))
        mean = tf.exp(-tf.reduce_sum(logarithms) / count)
        return mean * inverse / count
