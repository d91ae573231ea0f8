"""Weights by the tasks' own uncertainty."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy


class Weighting(Strategy):
    """Kendall, Gal & Cipolla (2018), for classification: sum of exp(-s_i) L_i + s_i / 2.

    s_i = log of task i's variance, 0 at first, so that w_i = exp(-s_i) starts at 1. Theta and s
    descend the same loss; s alone has the optimizer of Psi. Weights need not sum to 1.
    """

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.log_variance = self.own("log_variance", tf.zeros(3), learned=True)

    def weights(self, observed: Observed) -> tf.Tensor:
        return tf.exp(-self.log_variance) * tf.cast(observed.active, tf.float32)

    def psi_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        log_variance = self.log_variance * tf.cast(observed.active, tf.float32)
        return tf.reduce_sum(weights * tf.stop_gradient(observed.losses) + log_variance / 2.0)
