"""What the reproductions share: one cari-train per variant, gone on with where it was cut off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def train(run: Path, flags: Sequence[str]) -> None:
    """Trains a run with cari-train, or goes on with it; a finished one costs seconds.

    Raises:
        SystemExit: cari-train failed; it has said why.
    """
    arguments = ["--output", str(run), *flags]
    if (run / "config.json").exists():
        arguments = ["--resume", str(run)]
    done = subprocess.run([sys.executable, "-m", "cari_keras.cli.train", *arguments])
    if done.returncode:
        raise SystemExit(done.returncode)
