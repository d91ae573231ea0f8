"""cari-verify: says whether two pictures show one person."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

from cari_keras.cli.faces import model_parser, open_given, picture_path
from cari_keras.cli.flags import refuse, run_program
from cari_keras.vocabulary import EXPLAIN_BY, MODALITIES, VERIFY_BY

if TYPE_CHECKING:
    from cari_keras.serving.answers import Verification

EXAMPLES = """
examples:
  cari-verify photo.jpg drawing.jpg     by the package's own network
  cari-verify facenet photo.jpg drawing.jpg
                                        the public weights, with no training
  cari-verify facenet a.jpg b.jpg --modality photo
                                        two photos
  cari-verify photo.jpg drawing.jpg --picture both.png --explain why.png
  cari-verify runs/cavi photo.jpg drawing.jpg --by identities
                                        people it was trained on
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-verify", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = model_parser("cari-verify", "Says whether two pictures show one person.", EXAMPLES)
    parser.add_argument("photo", metavar="PHOTO", help="a photo")
    parser.add_argument("other", metavar="OTHER", help="the picture to compare PHOTO with")
    parser.add_argument(
        "--modality",
        choices=MODALITIES,
        default="caricature",
        help="modality of OTHER [caricature]; of runs, only those on photos alone verify two "
        "photos",
    )
    parser.add_argument(
        "--by",
        choices=VERIFY_BY,
        default=VERIFY_BY[0],
        help="what to compare: embeddings, of any people; or identities, of people whom a run "
        "with --verify-by identities knows [embedding]",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--picture",
        type=picture_path,
        metavar="PNG",
        help="write a picture of both faces, with the answer",
    )
    parser.add_argument(
        "--explain",
        type=picture_path,
        metavar="PNG",
        help="write which regions of the faces raise and which lower their similarity",
    )
    parser.add_argument(
        "--explain-by",
        choices=EXPLAIN_BY,
        help="method of --explain: gradient takes about a second; occlusion hides one region "
        "after another and takes 20 seconds or more; exports have no gradient [gradient]",
    )
    parser.rare("explain_by")
    given = parser.parse_args(arguments)
    if given.explain is None:
        refuse(
            given,
            ["explain_by"],
            "an answer without --explain PNG; give --explain, or leave it out",
        )
    elif given.by != VERIFY_BY[0]:
        refuse(
            given,
            ["explain"],
            f"--by {given.by}, since it explains embeddings; leave one of them out",
        )

    model = open_given(given)
    found = model.verify(given.photo, given.other, modality=given.modality, by=given.by)
    print(json.dumps(found._asdict()) if given.json else "\n".join(_lines(found)))
    if given.picture:  # after the answer, which stands if it cannot be written
        from cari_keras.images.captions import Captioned, sheet_of
        from cari_keras.images.encode import write_png
        from cari_keras.serving.captions import name_lines, verdict_lines

        photo, other = model.face(given.photo, "photo"), model.face(given.other, given.modality)
        told = verdict_lines(found.distance, found)
        cells = [
            Captioned(photo, [*name_lines(given.photo), *told]),
            Captioned(other, name_lines(given.other)),
        ]
        write_png(sheet_of(cells), given.picture)
    if given.explain:
        way = given.explain_by or EXPLAIN_BY[0]
        model.explain(
            given.photo, given.other, modality=given.modality, way=way, progress=True
        ).save(given.explain)
    return 0


def _lines(found: Verification) -> list[str]:
    """The answer in words."""
    distance = f"squared distance {found.distance:.4f}"
    if found.same is None:
        lines = [f"{distance}; {found.verdict}: {found.why}"]
    else:
        lines = [
            f"{found.verdict}: {distance}, threshold {found.threshold:.4f}",
            f"(FAR {found.far:.2%}: the share of impostor pairs that this threshold accepts, "
            f"measured on {found.measured_on})",
        ]
    if found.probability is not None:
        lines.append(f"probability {found.probability:.2f} at a prior of 50 %")
    return [*lines, f"compared by {found.by}"]


if __name__ == "__main__":
    sys.exit(main())
