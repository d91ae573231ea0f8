"""Weights by how fast the losses fall from epoch to epoch."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy, Update
from cari_keras.training.weighting import masked_softmax

#: The authors' temperature.
TEMPERATURE = 2.0


class Weighting(Strategy):
    """Dynamic weight average, Liu, Johns & Davison (2019): w = softmax(r / T).

    r_i = (mean loss of the last epoch) / (of the one before); equal during the first two epochs. A
    task whose loss falls slowly gets weight. The authors' weights sum to the number of tasks; these
    to 1, as those of `equal` do.
    """

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.sums = self.own("sums", tf.zeros(3))
        self.counts = self.own("counts", tf.zeros(3))
        self.last = self.own("last", tf.zeros(3))
        self.ratio = self.own("ratio", tf.ones(3))

    def weights(self, observed: Observed) -> tf.Tensor:
        return masked_softmax(self.ratio / TEMPERATURE, observed.active)

    def after_step(self, update: Update) -> None:
        active = tf.cast(update.observed.active, tf.float32)
        self.sums.assign_add(update.observed.losses * active)
        self.counts.assign_add(active)

    def after_epoch(self) -> None:
        mean = tf.math.divide_no_nan(self.sums, self.counts)
        before = tf.identity(self.last)
        known = (before > 0) & (mean > 0)
        self.ratio.assign(tf.where(known, tf.math.divide_no_nan(mean, before), tf.ones(3)))
        self.last.assign(mean)
        self.sums.assign(tf.zeros(3))
        self.counts.assign(tf.zeros(3))
