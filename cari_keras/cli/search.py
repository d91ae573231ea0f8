"""cari-search: finds the faces in a folder that are nearest to the face in an image."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cari_keras.cli.again import command, tell_next
from cari_keras.cli.faces import at_least_one, model_parser, open_given, picture_path, words_of
from cari_keras.cli.flags import run_program
from cari_keras.errors import one_line
from cari_keras.files import user_path
from cari_keras.vocabulary import MODALITIES, PHOTO

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

EXAMPLES = """
examples:
  cari-search photos/ photo.jpg         by the package's own network
  cari-search facenet photos/ photo.jpg
                                        by the public weights, with no training
  cari-search runs/cavi photos/ drawing.jpg --modality caricature
  cari-search saved_models photos/ photo.jpg --top 12 --picture nearest.png
The per-user cache holds the embeddings of GALLERY; a second search is quick.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-search", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = model_parser(
        "cari-search",
        "Finds the faces in a folder that are nearest to the face in an image.",
        EXAMPLES,
    )
    parser.add_argument("gallery", metavar="GALLERY", type=user_path, help="a folder of images")
    parser.add_argument("query", metavar="IMAGE", help="the image to search with")
    parser.add_argument(
        "--modality", choices=MODALITIES, default="photo", help="modality of IMAGE [photo]"
    )
    parser.add_argument(
        "--top", type=at_least_one, default=8, metavar="N", help="number of faces [8]"
    )
    parser.add_argument(
        "--picture",
        type=picture_path,
        metavar="PNG",
        help="write a picture of the faces found, with names, distances and verdicts",
    )
    parser.add_argument(
        "--include-query",
        action="store_true",
        help="list IMAGE itself too, where GALLERY holds it or a copy of it",
    )
    parser.add_argument(
        "--centre",
        choices=("none", "gallery"),
        default="none",
        help="gallery: subtract the mean embedding of GALLERY's photos and that of its "
        "caricatures, which finds more across modalities [none]",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each face")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    given = parser.parse_args(arguments)

    model = open_given(given)  # first, since it loads TensorFlow without its lines

    from cari_keras.data.given import modality_below
    from cari_keras.images.captions import Captioned, Line
    from cari_keras.images.encode import write_png
    from cari_keras.serving.captions import name_lines
    from cari_keras.serving.search import centred_on, open_gallery, same_picture, sheet, verdicts

    face = model.face(given.query, given.modality)
    gallery = open_gallery(model, given.gallery, progress=not given.quiet)
    for line in gallery.refused:
        print(f"cari-search: left out: {one_line(line)}", file=sys.stderr)
    itself = set() if given.include_query else same_picture(user_path(given.query), gallery.paths)
    for path in sorted(itself):
        line = (
            f"cari-search: left out: {one_line(path)}: it is IMAGE itself; --include-query "
            "lists it too"
        )
        print(line, file=sys.stderr)
    looked_for = model.embed_faces(face[None])[0]
    if given.centre == "gallery":
        gallery, looked_for = centred_on(gallery, given.gallery, looked_for, given.modality)
        print("cari-search: note: the gallery's mean embeddings are subtracted", file=sys.stderr)
    found = gallery.nearest(looked_for, given.top, leave_out=itself)
    for near in found:
        row = {**near._asdict(), "centre": given.centre}
        print(json.dumps(row) if given.json else f"{near.distance:.4f}  {one_line(near.path)}")
    if given.picture:
        modalities = [modality_below(given.gallery, Path(near.path)) for near in found]
        faces = [model.face(near.path, kind) for near, kind in zip(found, modalities)]
        told = verdicts(model, face, given.modality, faces, modalities)
        query = Captioned(face, [*name_lines(given.query), Line("looked for")])
        write_png(sheet(query, faces, found, told), given.picture)
    # Said once for a gallery: whoever searches it again knows. What is found stands alone on
    # standard output, for other programs to read.
    if gallery.new and found and (line := _verification(given, model, Path(found[0].path))):
        tell_next(line, quiet=given.quiet or given.json, file=sys.stderr)
    return 0


def _verification(given: argparse.Namespace, model: FaceModel, face: Path) -> str:
    """How to ask whether a face that was found is of the person; empty for a pair of drawings."""
    from cari_keras.data.given import modality_below

    query, found = given.modality, modality_below(given.gallery, face)
    other = found if query == PHOTO else query
    if PHOTO not in (query, found) or not model.verifies(other):
        return ""
    pair = [user_path(given.query), face]
    if query != PHOTO:
        pair.reverse()
    return command("verify", *words_of(given), *pair, "--modality", other)


if __name__ == "__main__":
    sys.exit(main())
