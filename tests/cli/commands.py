"""The package's commands as their users run them."""

import os
import subprocess
import sys
from pathlib import Path


def run_command(module, *arguments, cwd=None):
    """Runs `cari_keras.cli.<module>` in a process of its own."""
    command = [sys.executable, "-m", f"cari_keras.cli.{module}", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def last_error(result):
    """The one line that a mistake leaves on standard error."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.split("\n") if line]
    assert len(lines) == 1, lines
    return lines[0]
