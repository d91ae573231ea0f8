"""Commands that the programs print: whoever pastes one into a shell gets what was promised."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from cari_keras import asked
from cari_keras.cli.flags import config_flags
from cari_keras.config import Config


def tensorboard_command(run: Path) -> str:
    """Shows a run's TensorBoard, by the TensorBoard of this environment, from any folder."""
    folder = str((run / "tensorboard").absolute())
    return shlex.join([sys.executable, "-m", "tensorboard.main", "--logdir", folder])


def longer_command(run: Path, config: Config, epochs: int) -> str:
    """Trains on for some epochs, see `asked.longer`."""
    another = asked.longer(run, config, epochs)
    flags = config_flags(another, asked.unusual(another))
    return shlex.join(["cari-train", "--dataset", config.data.dataset, *flags])
