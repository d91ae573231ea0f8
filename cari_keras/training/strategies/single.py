"""One task alone."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.sections import TrainingConfig
from cari_keras.training.strategies.base import Observed, Strategy


class Weighting(Strategy):
    """w = 1 for the one task of `--tasks`; the paper's "Single" rows."""

    @classmethod
    def check(cls, settings: TrainingConfig) -> None:
        if len(settings.tasks) != 1:
            raise ConfigError(
                "--weighting single trains one task; name that task with --tasks. "
                f"Received: {' '.join(settings.tasks)}"
            )

    def weights(self, observed: Observed) -> tf.Tensor:
        return tf.cast(observed.active, tf.float32)
