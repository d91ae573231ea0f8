"""cari-gallery: a gallery that grows: adds, removes, finds, names and groups faces."""

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
  add        takes the faces on pictures into a gallery
  update     as add, and removes what is gone; --network embeds all anew
  remove     removes faces
  list       lists faces
  search     the faces that are nearest to those of images
  identify   who is on images, or that it is nobody of the gallery
  group      sorts faces without names into people
  export     writes the faces to a CSV or Parquet file

examples:
  cari-gallery add people.gallery pictures/       names from the folders
  cari-gallery add people.gallery heap/ --people none
  cari-gallery search people.gallery drawing.jpg --modality caricature
  cari-gallery identify people.gallery photo.jpg --fpir 0.01
  cari-gallery group people.gallery --sheets groups/
  cari-gallery update people.gallery --network --model facenet
It needs the extra gallery: pip install 'cari_keras[gallery]'
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-gallery", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    words = list(arguments)
    if words and words[0] in ACTIONS:
        return ACTIONS[words[0]](words[1:])
    parser = Parser(
        "cari-gallery", "Keeps faces of photos and caricatures in a gallery that grows.", EXAMPLES
    )
    parser.add_argument("action", metavar="ACTION", choices=list(ACTIONS), help="one of the below")
    parser.add_argument("gallery", metavar="GALLERY", help="the gallery's folder")
    parser.add_argument("rest", metavar="...", nargs="*", help="see cari-gallery ACTION --help")
    parser.parse_args(words[:1] or ["--help"])
    return 2  # not reached: a known action was run, and help and mistakes end the process


if __name__ == "__main__":
    sys.exit(main())
