"""The same weight for every task."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import equal_weights


class Weighting(Strategy):
    """w_i = 1 / (number of active tasks): what every other strategy is to be compared with."""

    def weights(self, observed: Observed) -> tf.Tensor:
        return equal_weights(observed.active)
