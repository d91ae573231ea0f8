"""cari-gallery: keeps a growing gallery: adds, removes, finds, names and groups faces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Optional

from cari_keras.cli.flags import run_program
from cari_keras.cli.gallery_ask import group, identify, search
from cari_keras.cli.gallery_change import add, export, listing, remove, update
from cari_keras.cli.parser import Parser

#: Action -> what runs it, and what its help says first.
ACTIONS: dict[str, Callable[[Sequence[str]], int]] = {
    "add": add,
    "update": update,
    "remove": remove,
    "list": listing,
    "search": search,
    "identify": identify,
    "group": group,
    "export": export,
}

EXAMPLES = """
actions (each has --help):
  add        adds the faces in pictures to a gallery
  update     like add, and removes faces whose pictures are gone
  remove     removes faces
  list       lists faces
  search     finds the faces nearest to those in images
  identify   says who is in images, or that it is nobody in the gallery
  group      sorts unnamed faces into people
  export     writes the faces to a CSV or Parquet file

examples:
  cari-gallery add people.gallery pictures/       folders name people
  cari-gallery add people.gallery heap/ --people none
  cari-gallery search people.gallery drawing.jpg --modality caricature
  cari-gallery identify people.gallery photo.jpg --fpir 0.01
  cari-gallery group people.gallery --sheets groups/
  cari-gallery update people.gallery --network --model facenet
cari-gallery needs the extra gallery: pip install '.[gallery]' in the clone
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-gallery", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    words = list(arguments)
    if words and words[0] in ACTIONS:
        return ACTIONS[words[0]](words[1:])
    parser = Parser(
        "cari-gallery", "Keeps a growing gallery of faces from photos and caricatures.", EXAMPLES
    )
    parser.add_argument(
        "action", metavar="ACTION", choices=list(ACTIONS), help="one of the actions below"
    )
    parser.add_argument("gallery", metavar="GALLERY", help="the gallery's folder")
    parser.add_argument("rest", metavar="...", nargs="*", help="see cari-gallery ACTION --help")
    parser.parse_args(words[:1] or ["--help"])
    return 2  # not reached: a known action was run, and help and mistakes end the process


if __name__ == "__main__":
    sys.exit(main())
