"""Weights by which Theta descends the sum of the losses' logarithms."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import inverse_losses, normalized


class Weighting(Strategy):
    """The loss half of DB-MTL, Lin et al. (2023): the sum of log L_i, w_i proportional to 1 / L_i.

    Each loss counts by its relative change, whatever its scale. The gradient's direction is that of
    `gls`; here the weights sum to 1, so they do not fall with the losses. The other half of DB-MTL,
    which gives the tasks' gradients one length, is not in it.
    """

    def weights(self, observed: Observed) -> tf.Tensor:
        return normalized(inverse_losses(observed.losses, observed.active), observed.active)
