"""Settings of small runs."""

from __future__ import annotations

from cari_keras.config import Config
from cari_keras.presets import PRESETS

#: Flags of a network whose graph is small, for tests in which that does not matter.
SMALL_NETWORK = "--private-blocks 0 --shared-bottleneck"


def small_config(**values: object) -> Config:
    """Settings of a run of seconds on the folder dataset."""
    return PRESETS["cavi-scratch"]().with_values(
        {
            "dataset": "folder",
            "image_size": 80,
            "batch_size": 8,
            "epochs": 2,
            "embedding_size": 8,
            "precision": "float32",
            "bn_momentum": 0.9,
            "average_decay": 0.9,
            "private_blocks": 0,
            "shared_bottleneck": True,
            **values,
        }
    )
