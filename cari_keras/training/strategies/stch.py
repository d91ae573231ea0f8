"""Weights that follow the loss which is the worst beside its own beginning, smoothly."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy, Update
from cari_keras.training.weighting import inverse_losses, masked_softmax, normalized

#: Smoothness mu: towards 0 the worst loss alone counts. The authors' code has 1, at which p_i / L_i
#: is 1 / z_i, so that the weights would stand still.
SMOOTHNESS = 0.5


class Weighting(Strategy):
    """Smooth Tchebycheff scalarisation, Lin et al. (2024), of log(L_i / z_i).

    Theta descends mu log(sum of exp(log(L_i / z_i) / mu)), whose gradient weighs L_i's by p_i / L_i
    with p = softmax(log(L / z) / mu); here the weights sum to 1. z, the nadir, is each loss's mean
    over the first epoch, in which the sum of the logarithms is descended, as in the authors' code
    (which takes the fifth of 200 epochs).
    """

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.sums = self.own("sums", tf.zeros(3))
        self.counts = self.own("counts", tf.zeros(3))
        self.nadir = self.own("nadir", tf.zeros(3))

    def weights(self, observed: Observed) -> tf.Tensor:
        inverse = inverse_losses(observed.losses, observed.active)
        # Of a task that had no image in the first epoch, as of all before its end, p is even.
        known = tf.reduce_all((self.nadir > 0) | ~observed.active)
        scaled = tf.where(observed.active & known, inverse * self.nadir, tf.ones(3))
        shares = masked_softmax(-tf.math.log(scaled) / SMOOTHNESS, observed.active)
        return normalized(shares * inverse, observed.active)

    def after_step(self, update: Update) -> None:
        first = tf.cast(tf.reduce_all(self.nadir <= 0), tf.float32)
        active = first * tf.cast(update.observed.active, tf.float32)
        self.sums.assign_add(update.observed.losses * active)
        self.counts.assign_add(active)

    def after_epoch(self) -> None:
        if float(tf.reduce_max(self.nadir)) <= 0:
            self.nadir.assign(tf.math.divide_no_nan(self.sums, self.counts))
