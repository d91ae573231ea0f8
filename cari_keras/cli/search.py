"""cari-search: the faces of a folder that are nearest to an image's."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cari_keras.cli.faces import (
    MODALITY_NAMES,
    at_least_one,
    model_parser,
    open_given,
    picture_path,
)
from cari_keras.cli.flags import run_program

EXAMPLES = """
examples:
  cari-search facenet photos/ photo.jpg              by the public weights, with no training
  cari-search runs/cavi photos/ drawing.jpg --modality caricature
  cari-search saved_models photos/ photo.jpg --top 12 --picture nearest.png
Embeddings of the folder are kept in the per-user cache; a second search is quick.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-search", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = model_parser("cari-search", "Finds the faces nearest to an image's.", EXAMPLES)
    parser.add_argument("gallery", metavar="GALLERY", help="a folder of images")
    parser.add_argument("query", metavar="IMAGE")
    parser.add_argument(
        "--modality", choices=MODALITY_NAMES, default="photo", help="of IMAGE [photo]"
    )
    parser.add_argument("--top", type=at_least_one, default=8, metavar="N", help="how many [8]")
    parser.add_argument(
        "--picture", type=picture_path, metavar="PNG", help="write the faces found, in a row"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a face")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    given = parser.parse_args(arguments)

    model = open_given(given)  # first, since it loads TensorFlow without its lines

    from cari_keras.data.images import modality_below
    from cari_keras.data.sheet import write_png
    from cari_keras.serving.search import open_gallery, sheet

    face = model.face(given.query, given.modality)
    gallery = open_gallery(model, Path(given.gallery), progress=not given.quiet)
    for line in gallery.refused:
        print(f"cari-search: left out: {line}", file=sys.stderr)
    found = gallery.nearest(model.embed_faces(face[None])[0], given.top)
    for near in found:
        print(json.dumps(near._asdict()) if given.json else f"{near.distance:.4f}  {near.path}")
    if given.picture:
        root = Path(given.gallery)
        faces = [model.face(near.path, modality_below(root, Path(near.path))) for near in found]
        write_png(sheet(face, faces, found), given.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
