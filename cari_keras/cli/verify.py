"""cari-verify: whether two pictures show one person."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Optional

from cari_keras.cli.faces import MODALITY_NAMES, model_parser, open_given, picture_path
from cari_keras.cli.flags import run_program

EXAMPLES = """
examples:
  cari-verify facenet photo.jpg drawing.jpg          the public weights, with no training
  cari-verify facenet a.jpg b.jpg --modality photo   two photos
  cari-verify runs/cavi photo.jpg drawing.jpg --picture both.png
  cari-verify saved_models photo.jpg drawing.jpg --json
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-verify", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = model_parser("cari-verify", "Says whether two pictures show one person.", EXAMPLES)
    parser.add_argument("photo", metavar="PHOTO")
    parser.add_argument("other", metavar="OTHER", help="what it is compared with")
    parser.add_argument(
        "--modality",
        choices=MODALITY_NAMES,
        default="caricature",
        help="of OTHER; photo needs a threshold for two photos, which facenet has [caricature]",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--picture", type=picture_path, metavar="PNG", help="write both faces side by side"
    )
    given = parser.parse_args(arguments)

    model = open_given(given)
    found = model.verify(given.photo, given.other, modality=given.modality)
    if given.picture:
        from cari_keras.data.sheet import write_png
        from cari_keras.serving.faces import side_by_side

        faces = model.face(given.photo, "photo"), model.face(given.other, given.modality)
        write_png(side_by_side(*faces), given.picture)
    if given.json:
        print(json.dumps(found._asdict()))
        return 0
    decision = "the same person" if found.same else "two people"
    print(f"{decision}: squared distance {found.distance:.4f}, threshold {found.threshold:.4f}")
    print(
        f"(so {found.far:.2%} of pairs of two different people are taken for one person, measured "
        f"on {found.measured_on})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
