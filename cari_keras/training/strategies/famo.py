"""Weights that make all losses fall at the same rate, at the cost of one forward pass."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras
from cari_keras.training.optimizers import apply_gradients
from cari_keras.training.strategies.base import Observed, Strategy, Update
from cari_keras.training.weighting import masked_softmax, normalized

#: Decay of the weights' logits, as in the authors' code.
DECAY = 0.01

#: Keeps logarithms finite.
SMALL = 1e-8


class Weighting(Strategy):
    """FAMO, Liu et al. (2023): Theta descends c times the sum of z_i log L_i, z = softmax(xi).

    c = 1 / (sum of z_i / L_i) makes it the sum of w_i L_i with w_i = c z_i / L_i, whose weights sum
    to 1. After the update, xi descends along J^T (log L before - log L after) + decay x xi, J being
    the Jacobian of z: a task whose loss fell more than the others' loses weight. It descends by
    Adam, as in the authors' code, whose rate is 0.025 (`--weight-learning-rate`).
    """

    needs_new_losses = True

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.logits = self.own("logits", tf.zeros(3))
        self.optimizer = keras.optimizers.Adam(settings.weight_learning_rate)
        self.optimizer.build([self.logits])
        self.state.update({f"adam_{i}": v for i, v in enumerate(self.optimizer.variables)})

    def weights(self, observed: Observed) -> tf.Tensor:
        shares = masked_softmax(self.logits, observed.active)
        raw = tf.math.divide_no_nan(shares, tf.stop_gradient(observed.losses) + SMALL)
        return normalized(raw, observed.active)

    def after_step(self, update: Update) -> None:
        active = update.observed.active
        shares = masked_softmax(self.logits, active)
        fall = tf.math.log(update.observed.losses + SMALL) - tf.math.log(update.new_losses + SMALL)
        fall = tf.where(active, fall, tf.zeros(3))
        gradient = shares * (fall - tf.reduce_sum(shares * fall)) + DECAY * self.logits
        apply_gradients(self.optimizer, [(gradient, self.logits)])
