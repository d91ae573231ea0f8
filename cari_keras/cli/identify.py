"""cari-identify: says whom an image shows, of the people whom a network knows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cari_keras.cli.faces import at_least_one, each_image, model_parser, open_given
from cari_keras.cli.flags import run_program
from cari_keras.errors import ConfigError, one_line
from cari_keras.vocabulary import FACENET, MODALITIES

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

EXAMPLES = """
examples:
  cari-identify photo.jpg                     of the 195 people of CaVI
  cari-identify runs/cavi photo.jpg
  cari-identify saved_models a.png b.png --modality caricature --top 3
An image that cannot be read is named on standard error. The other images get
their answers, and the exit status is 2.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-identify", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = model_parser(
        "cari-identify",
        "Says whom each image shows, of the people whom a network knows, likeliest first.",
        EXAMPLES,
        public=False,
    )
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="images of people to name")
    parser.add_argument(
        "--modality", choices=MODALITIES, default="photo", help="modality of the images [photo]"
    )
    parser.add_argument(
        "--top",
        type=at_least_one,
        default=5,
        metavar="N",
        help="number of names for each image, at most 5 [5]",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each image")
    given = parser.parse_args(arguments)

    if given.run is not None and Path(given.run).is_file():  # no network was named
        given.run, given.images = None, [given.run, *given.images]
    if given.run == FACENET and not Path(FACENET).is_dir():  # before 90 MB are fetched for it
        raise ConfigError(
            f"{FACENET} knows nobody by name; cari-train trains a network that does, and "
            f"cari-search {FACENET} finds the nearest faces"
        )
    model = open_given(given)
    model.check_identifies(given.modality)
    if model.lacks:
        print(
            f"cari-identify: note: the network calls nobody unknown: {model.lacks}", file=sys.stderr
        )
    return each_image("cari-identify", given.images, partial(_answer, model, given))


def _answer(model: FaceModel, given: argparse.Namespace, path: str) -> None:
    face = model.face(path, given.modality)
    (answer,) = model.identify_faces(face[None], given.modality)
    best = answer.candidates[: given.top]
    if given.json:
        found = {**answer._asdict(), "candidates": [one._asdict() for one in best]}
        print(json.dumps({"image": path, **found}, ensure_ascii=False))
        return
    print(one_line(path))
    if answer.known is False:
        print(
            f"  unknown: the best score is {answer.score:.2f}, and the threshold "
            f"{answer.threshold:.2f} ({answer.fpir:.2%} of strangers' images reach it); "
            "the nearest people are"
        )
    for one in best:
        print(f"  {one.probability:7.2%}  {one_line(one.identity)}")


if __name__ == "__main__":
    sys.exit(main())
