"""The paper's weights: they move to the hardest task."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import hardness, softmax_weights


class Weighting(Strategy):
    """Ming, Burie & Luqman (2021), equations 10 to 15.

    w = mean over the batch of softmax(Psi Z). Theta descends the sum of w_i L_i with w held
    constant; Psi descends L4 = sum of w_i / (L_i + epsilon) with L and Z held constant.
    """

    uses_head = True

    def weights(self, observed: Observed) -> tf.Tensor:
        return softmax_weights(observed.weight_logits, observed.active, self.settings.logit_scale)

    def psi_loss(self, weights: tf.Tensor, observed: Observed) -> tf.Tensor:
        return hardness(weights, observed.losses, self.settings.loss_epsilon)
