"""Weights that are given, and stay."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy
from cari_keras.training.weighting import normalized
from cari_keras.vocabulary import TASKS


class Weighting(Strategy):
    """w_i = g_i / (sum of g over the active tasks), g from `--static-weights`."""

    @classmethod
    def check(cls, settings: TrainingConfig) -> None:
        given = settings.static_weights
        if len(given) != len(TASKS) or min(given) < 0 or max(given) == 0:
            raise ConfigError(
                f"--static-weights takes {len(TASKS)} numbers, one each for "
                f"{', '.join(TASKS)}: none below 0, and not all 0. Received: "
                f"{' '.join(map(str, given)) or 'none'}"
            )

    def weights(self, observed: Observed) -> tf.Tensor:
        return normalized(tf.constant(self.settings.static_weights, tf.float32), observed.active)
