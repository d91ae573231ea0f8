"""Weights that a router learns along with the network, while the losses are held together."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy, Update
from cari_keras.training.weighting import softmax_weights

#: How much the losses' discrepancy counts; as in the authors' code for three tasks.
LAMBDA = 0.05


class Weighting(Strategy):
    """LDC-MTL, Xiao et al. (2025), in the form of the authors' code for three tasks.

    Theta and the router both descend
    sum of w_i l_i + LAMBDA x sum of |w_i l_i - w_k l_k| over neighbouring tasks i and k,
    with l_i = L_i / r_i, where r_i is the first L_i over the least of the first losses. Nothing is
    held constant. The router is the weight head, whose softmax `--logit-scale` bounds; the authors
    clip theirs to [0.2, 0.8].
    """

    uses_head = True
    detached = False

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.first = self.own("first", tf.zeros(3))

    def weights(self, observed: Observed) -> tf.Tensor:
        return softmax_weights(observed.weight_logits, observed.active, self.settings.logit_scale)

    def theta_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        first = self._first(observed)
        known = tf.where(first > 0, first, tf.fill([3], float("inf")))
        ratios = tf.where(first > 0, first / tf.reduce_min(known), tf.ones(3))
        parts = weights * observed.losses / ratios
        apart = [
            tf.where(observed.active[i] & observed.active[k], tf.abs(parts[i] - parts[k]), 0.0)
            for i, k in ((0, 1), (1, 2), (0, 2))
        ]
        # The first and the last task are neighbours where the one between them is absent.
        apart[2] = tf.where(observed.active[1], 0.0, apart[2])
        return tf.reduce_sum(parts) + LAMBDA * tf.add_n(apart)

    def psi_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        return self.theta_loss(weights, observed)

    def _first(self, observed: Observed) -> tf.Tensor:
        """Each task's first loss; 0 for a task that has not been active yet."""
        losses = tf.stop_gradient(observed.losses) * tf.cast(observed.active, tf.float32)
        return tf.where(self.first > 0, self.first, losses)

    def after_step(self, update: Update) -> None:
        self.first.assign(self._first(update.observed))
