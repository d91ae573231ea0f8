"""The settings that a run was begun with, from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cari_keras.config import Config
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.files import user_path

CONFIG = "config.json"
IDENTITIES = "identities.json"

#: Stored outputs of frozen layers, see `training.frozen`; there until these begin to move. In a
#: comparison's folder, those that the runs of a seed share.
SHARED_OUTPUTS = "shared_outputs"

#: What a run may change on its way: it changes nothing of what is computed (`distribute`: nothing
#: but the order of additions; `data_dir`: what is found there is compared instead).
_FREE = (
    *("output", "workers", "cache_dir", "distribute", "data_dir", "keep_checkpoints"),
    "frozen_dir",
)


def read_config(run: Path) -> Config:
    """A run's settings; plain values, of which nothing is executed.

    Raises:
        CheckpointError: The file is missing or is not a run's configuration.
    """
    path = user_path(run) / CONFIG
    try:
        return Config.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: not a run's configuration ({error})") from error


def read_identities(run: Path) -> tuple[str, ...]:
    """The names behind a run's labels.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    path = user_path(run) / IDENTITIES
    try:
        return tuple(str(name) for name in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: not a run's list of identities ({error})") from error


def anywhere(config: Config) -> Config:
    """The settings with the dataset's full path, so that a run can be used from any folder."""
    folder = config.data.data_dir
    return config.with_values({"data_dir": str(Path(folder).absolute())}) if folder else config


def in_common(config: Config) -> dict[str, Any]:
    """The settings that all workers of a run must have, by name."""
    return {
        name: value
        for values in config.to_dict().values()
        for name, value in values.items()
        if name not in (*_FREE, "pretrained")
    }


def changes(saved: Config, asked: Config) -> str:
    """Which settings differ in what is computed, as text; empty where none does."""
    old, new = saved.to_dict(), asked.to_dict()
    return ", ".join(
        f"{name} was {value}, now {new[section][name]}"
        for section, values in old.items()
        for name, value in values.items()
        if name not in _FREE and new[section][name] != value
    )
