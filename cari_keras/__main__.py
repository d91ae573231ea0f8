"""`python -m cari_keras COMMAND ...`: the programs, where their scripts are not on the path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Optional

from cari_keras.cli.parser import Parser

#: Of the programs: `cari-train` is `cari_keras.cli.train`.
COMMANDS = (
    *("align", "train", "compare", "evaluate", "export"),
    *("verify", "identify", "search", "gallery", "app", "pretrained"),
)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs the command that is named first; returns its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in COMMANDS:
        program = importlib.import_module(f"cari_keras.cli.{words[0]}")
        return int(program.main(words[1:]))
    parser = Parser("python -m cari_keras", "Runs one of the programs.", "\n".join(_lines()))
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help="one of those below")
    parser.parse_args(words or ["--help"])
    return 2  # not reached: a known command was run, and help and mistakes end the process


def _lines() -> list[str]:
    """A line for each program: its module's first."""
    programs = [importlib.import_module(f"cari_keras.cli.{name}") for name in COMMANDS]
    return ["commands (each has --help):"] + [
        f"  {name:<11} {(program.__doc__ or '').splitlines()[0].partition(': ')[2]}"
        for name, program in zip(COMMANDS, programs)
    ]


if __name__ == "__main__":
    sys.exit(main())
