"""Naive dynamic weights: they drift to the easiest task."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Strategy, View
from cari_keras.training.weighting import softmax_weights


class Weighting(Strategy):
    """Yin & Liu (2018), "primitive" or "naive" dynamic in the paper.

    w = mean over the batch of softmax(Psi Z). Theta and Psi both descend the same sum of w_i L_i,
    nothing held constant, Z neither.
    """

    uses_head = True
    detached = False

    def weights(self, view: View) -> tf.Tensor:
        return softmax_weights(view.weight_logits, view.active, self.settings.logit_scale)

    def theta_loss(self, weights: tf.Tensor, view: View) -> tf.Tensor:
        return tf.reduce_sum(weights * view.losses)

    def psi_loss(self, weights: tf.Tensor, view: View) -> tf.Tensor:
        return tf.reduce_sum(weights * view.losses)
