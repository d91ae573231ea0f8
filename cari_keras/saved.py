"""The settings that a run was begun with, from its folder."""

from __future__ import annotations

import json
from pathlib import Path

from cari_keras.config import Config
from cari_keras.errors import CheckpointError, ConfigError

CONFIG = "config.json"


def read_config(run: Path) -> Config:
    """A run's settings; plain values, of which nothing is executed.

    Raises:
        CheckpointError: The file is missing or is not a run's configuration.
    """
    path = Path(run) / CONFIG
    try:
        return Config.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: not a run's configuration ({error})") from error
