"""Commands that the programs print: whoever pastes one into a shell gets what was promised."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from cari_keras import asked
from cari_keras.cli.flags import config_flags
from cari_keras.config import Config
from cari_keras.presets import PRESETS


def tensorboard_command(run: Path) -> str:
    """Shows a run's TensorBoard, by the TensorBoard of this environment, from any folder."""
    folder = str((run / "tensorboard").absolute())
    return shlex.join([sys.executable, "-m", "tensorboard.main", "--logdir", folder])


def longer_command(run: Path, config: Config, epochs: int) -> str:
    """Trains on for some epochs, see `asked.longer`."""
    another = asked.longer(run, config, epochs)
    usual = {name for name, *_ in _given(PRESETS[config.data.dataset]())}
    told = [words for name, *words in _given(another) if name not in usual]
    flags = [word for words in told for word in words]
    return shlex.join(["cari-train", "--dataset", config.data.dataset, *flags])


def _given(config: Config) -> list[tuple[str, ...]]:
    """Each setting: all of its words as one text, then its words."""
    found: list[list[str]] = []
    for word in config_flags(config):
        if word.startswith("--"):
            found.append([])
        found[-1].append(word)
    return [(" ".join(words), *words) for words in found]
