"""Weights that are given, and stay."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.model.network import TASKS
from cari_keras.training.strategies.base import Settings, Strategy, View
from cari_keras.training.weighting import normalized


class Weighting(Strategy):
    """w_i = g_i / (sum of g over the active tasks), g from `--static-weights`."""

    @classmethod
    def check(cls, settings: Settings) -> None:
        given = settings.static_weights
        if len(given) != len(TASKS) or min(given) < 0 or max(given) == 0:
            raise ConfigError(
                f"--static-weights takes {len(TASKS)} numbers, of {', '.join(TASKS)}, none below 0 "
                f"and not all 0. Received: {' '.join(map(str, given)) or 'none'}"
            )

    def weights(self, view: View) -> tf.Tensor:
        return normalized(tf.constant(self.settings.static_weights, tf.float32), view.active)
