"""Weights by the softmax of the inverse losses."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import inverse_losses, masked_softmax

#: The authors tune it for each dataset; at 1 it leaves the weights what the inverse losses say.
TEMPERATURE = 1.0


class Weighting(Strategy):
    """UW-SO, Kirchdorfer et al. (2024): w = softmax((1 / L) / T), with L held constant.

    What `uncertainty` learns has its optimum at weights proportional to 1 / L; this takes them at
    once, with a softmax in place of the proportion. Weight goes to the task with the least loss.
    """

    def weights(self, observed: Observed) -> tf.Tensor:
        inverse = inverse_losses(observed.losses, observed.active)
        return masked_softmax(inverse / TEMPERATURE, observed.active)
