"""The flag that says where very many pictures are looked at: here, or on Apache Beam."""

from __future__ import annotations

from collections.abc import Sequence

from cari_keras.align.config import ENGINES
from cari_keras.cli.parser import Parser


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before `--`, and those behind it, which are Beam's options.

    Example:
        >>> split_options(["raw", "--engine", "beam", "--", "--runner=X"])
        (['raw', '--engine', 'beam'], ['--runner=X'])
    """
    words = list(arguments)
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def add_engine_flag(parser: Parser) -> None:
    """`--engine`, on the second level of the help."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="local processes, or Apache Beam (extra 'beam'), whose options follow a -- "
        "[%(default)s]",
    )
    parser.rare("engine")
