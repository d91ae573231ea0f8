"""Commands that the programs print: whoever pastes one into a shell gets what was promised."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Optional, TextIO, Union

from cari_keras import asked
from cari_keras.cli.flags import config_flags
from cari_keras.config import Config


def command(name: str, *words: Union[str, Path]) -> str:
    """A call of one of the package's programs, for the shell that this one was started from.

    Args:
        name: Of the program, without `cari-`.
        words: What follows. Paths are given as they are: relative ones are the shell's as well.
    """
    return shlex.join([*_program(name), *map(_word, words)])


def tell_next(line: str, *, quiet: bool = False, file: Optional[TextIO] = None) -> None:
    """Prints the command that comes next, as a program's last line.

    Args:
        line: From `command`, or another program's.
        quiet: Whether the user asked for as little as possible: then nothing is printed.
        file: Where to; standard output by default.
    """
    if not quiet:
        print(f"Next: {line}", file=file)


def _program(name: str) -> list[str]:
    """How the shell calls a program of this environment, which may not be on its path."""
    this = Path(sys.argv[0])
    if not this.name.startswith("cari-"):  # called by `python -m`
        return [sys.executable, "-m", "cari_keras", name]
    script = this.with_name(f"cari-{name}")
    found = shutil.which(script.name)
    if found and script.is_file() and Path(found).samefile(script):
        return [script.name]
    return [_word(script)]


def _word(word: Union[str, Path]) -> str:
    """A word of a command; a path is not to look like a flag."""
    text = str(word)
    return f"./{text}" if isinstance(word, Path) and text.startswith("-") else text


def tensorboard_command(run: Path) -> str:
    """Shows a run's TensorBoard, by the TensorBoard of this environment, from any folder."""
    folder = str((run / "tensorboard").absolute())
    return shlex.join([sys.executable, "-m", "tensorboard.main", "--logdir", folder])


def longer_command(run: Path, config: Config, epochs: int) -> str:
    """Trains on for some epochs, see `asked.longer`."""
    return train_command(asked.longer(run, config, epochs))


def train_command(config: Config) -> str:
    """Trains a run of some settings."""
    preset, values = asked.fewest_settings(config)
    recipe = ("--preset", preset) if preset else ("--dataset", config.data.dataset)
    return command("train", *recipe, *config_flags(config, values))
