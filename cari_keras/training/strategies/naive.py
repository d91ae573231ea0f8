"""Naive dynamic weights: they drift to the easiest task."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import softmax_weights


class Weighting(Strategy):
    """Yin & Liu (2018), "primitive" or "naive" dynamic in the paper.

    w = mean over the batch of softmax(Psi Z). Theta and Psi both descend the same sum of w_i L_i,
    nothing held constant, Z neither.
    """

    uses_head = True
    detached = False

    def weights(self, observed: Observed) -> tf.Tensor:
        return softmax_weights(observed.weight_logits, observed.active, self.settings.logit_scale)

    def theta_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        return tf.reduce_sum(weights * observed.losses)

    def psi_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        return tf.reduce_sum(weights * observed.losses)
