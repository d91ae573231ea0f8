"""Weights of groups of tasks: by inverse losses and by how large each task's loss has been."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy, Update
from cari_keras.training.weighting import inverse_losses, normalized

#: How fast the indicators move; as in the authors' code.
STEP = 1e-4


class Weighting(Strategy):
    """GO4Align, Shen et al. (2024), with two groups of tasks.

    Indicators p begin even; before each step p_i becomes proportional to p_i exp(-STEP L_i). With
    v_i = p_i (sum of L) / L_i, the tasks are grouped by k-means of v, and each weighs as the mean v
    of its group. Of three tasks two groups are the two whose v are closest, and the third alone;
    two tasks are a group each. The formula is that of the authors' code, whose v does not sum to 1;
    here the weights do.
    """

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__(settings)
        self.indicators = self.own("indicators", tf.ones(3) / 3.0)

    def weights(self, observed: Observed) -> tf.Tensor:
        inverse = inverse_losses(observed.losses, observed.active)
        # The sum of the losses is a factor of every v, so it is left out of their shares.
        shares = normalized(self._moved(observed), observed.active) * inverse
        three = tf.reduce_all(observed.active)
        return normalized(tf.where(three, _grouped(shares), shares), observed.active)

    def _moved(self, observed: Observed) -> tf.Tensor:
        """The indicators of this step; those of tasks that are not active stay, but for scale."""
        fall = tf.where(observed.active, STEP * tf.stop_gradient(observed.losses), tf.zeros(3))
        moved = self.indicators * tf.exp(-fall)
        return moved / tf.reduce_sum(moved)

    def after_step(self, update: Update) -> None:
        self.indicators.assign(self._moved(update.observed))


def _grouped(values: tf.Tensor) -> tf.Tensor:
    """Three values, the two closest of which become their mean: k-means with two groups."""
    low, middle, high = tf.unstack(tf.sort(values))
    lower = middle - low < high - middle
    paired = tf.where(lower, values <= middle, values >= middle)
    mean = tf.where(lower, low + middle, middle + high) / 2.0
    return tf.where(paired, mean, values)
