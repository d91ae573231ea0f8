"""The same weight for every task."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.training.strategies.base import Strategy, View
from cari_keras.training.weighting import equal_weights


class Weighting(Strategy):
    """w_i = 1 / (number of active tasks): what every other strategy is to be compared with."""

    def weights(self, view: View) -> tf.Tensor:
        return equal_weights(view.active)
