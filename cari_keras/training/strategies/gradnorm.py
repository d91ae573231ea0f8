"""Weights that make the tasks' gradients equally large, but for how far each has come."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy, Update
from cari_keras.training.weighting import normalized

#: How strongly a task that lags is favoured; the authors' is 1.5 for tasks that differ much.
ALPHA = 1.5


class Weighting(Strategy):
    """GradNorm, Chen et al. (2018), on the last shared layer W.

    G_i = w_i |dL_i / dW|; r_i = (L_i / L_i at first) / mean; w descends the sum of
    |G_i - mean(G) r_i^alpha|, the second term held constant, and is then scaled to sum to 1 (the
    authors': to the number of tasks).
    """

    needs_norms = True

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.share = self.own("share", tf.ones(3) / 3.0)
        self.first = self.own("first", tf.zeros(3))

    def weights(self, observed: Observed) -> tf.Tensor:
        return normalized(self.share, observed.active)

    def after_step(self, update: Update) -> None:
        losses, active = update.observed.losses, tf.cast(update.observed.active, tf.float32)
        self.first.assign(tf.where(self.first > 0, self.first, losses * active))
        count = tf.maximum(tf.reduce_sum(active), 1.0)
        progress = tf.math.divide_no_nan(losses, self.first) * active
        rate = tf.math.divide_no_nan(progress, tf.reduce_sum(progress) / count)
        lengths = update.weights * update.norms * active
        target = tf.reduce_sum(lengths) / count * tf.pow(rate, ALPHA)
        # d |w n - target| / dw = sign(w n - target) n
        gradient = tf.sign(lengths - target) * update.norms * active
        moved = tf.maximum(self.share - self.settings.weight_learning_rate * gradient, 1e-6)
        self.share.assign(moved / tf.reduce_sum(moved))
