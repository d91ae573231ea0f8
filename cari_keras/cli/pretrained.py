"""cari-pretrained: puts the public FaceNet weights into the per-user cache."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Optional

from cari_keras.cli.again import command, tell_next
from cari_keras.cli.flags import given_path, run_program
from cari_keras.cli.parser import Parser
from cari_keras.vocabulary import FACENET

EXAMPLES = """
examples:
  cari-pretrained                       download (90 MB), check, convert
  cari-pretrained --from facenet_keras.h5
                                        from a file, on an offline machine
Commands that need the weights fetch them on first use. cari-pretrained fetches
them in advance.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-pretrained", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "cari-pretrained",
        "Fetches the public FaceNet weights (MS-Celeb-1M, MIT) and checks their hash.",
        EXAMPLES,
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=given_path,
        metavar="FILE",
        help="facenet_keras.h5, or the archive that holds it",
    )
    given = parser.parse_args(arguments)
    from cari_keras.model.pretrained import import_facenet

    print(f"facenet: {import_facenet(given.source)}")
    tell_next(command("evaluate", FACENET, "--dataset", "demo"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
