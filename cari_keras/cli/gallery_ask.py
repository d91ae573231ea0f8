"""The actions of cari-gallery that ask: search, identify, group."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cari_keras.cli import gallery_flags as flags
from cari_keras.cli.faces import at_least_one, each_image, picture_path
from cari_keras.cli.gallery_change import line_of, told
from cari_keras.cli.parser import Parser
from cari_keras.errors import ConfigError, one_line
from cari_keras.files import sha256_of_file, user_path
from cari_keras.gallery.groups import WITHIN
from cari_keras.vocabulary import BY_NEIGHBOURS, GROUPED_BY, MODALITIES

if TYPE_CHECKING:
    from cari_keras.gallery.answers import Answer


def search(arguments: Sequence[str]) -> int:
    """Finds the nearest faces; returns the exit status."""
    parser = flags.action_parser(
        "search",
        "Finds the gallery's faces that are nearest to the main face of each image.",
        """
examples:
  cari-gallery search people.gallery photo.jpg
  cari-gallery search people.gallery a.png b.png --modality caricature
  cari-gallery search people.gallery photo.jpg --picture nearest.png
""",
    )
    _add_images(parser)
    parser.add_argument(
        "--top", type=at_least_one, default=8, metavar="N", help="number of faces [8]"
    )
    flags.add_only_flags(parser)
    parser.add_argument(
        "--include-query",
        action="store_true",
        help="list IMAGE itself too, where the gallery has it",
    )
    parser.add_argument(
        "--exact", action="store_true", help="compare with every face, without the index"
    )
    parser.add_argument(
        "--picture", type=picture_path, metavar="PNG", help="write a picture of the faces found"
    )
    given = parser.parse_args(arguments)
    model, only = flags.model_of(given), flags.only_of(given)

    from cari_keras.gallery.gallery import Gallery
    from cari_keras.gallery.sheets import Search, write_found

    gallery, searches = Gallery(given.gallery, model), []

    def answer(path: str) -> None:
        query = model.face(path, given.modality)
        itself = () if given.include_query else (sha256_of_file(user_path(path)),)
        (found,) = gallery.search(
            model.embed_faces(query[None]),
            count=given.top,
            only=only,
            leave_out=itself,
            exact=given.exact or None,
        )
        searches.append(Search(path, query, found))
        if not given.json:
            print(one_line(path))
        for row, distance in found:
            said = {"image": path, "distance": distance, **told(row)}
            line = f"  {distance:.4f}  {line_of(row)}"
            print(json.dumps(said, ensure_ascii=False) if given.json else line)

    status = each_image("cari-gallery", given.images, answer)
    if given.picture and searches:
        write_found(gallery, searches, given.picture)
    return status


def identify(arguments: Sequence[str]) -> int:
    """Names people; returns the exit status."""
    parser = flags.action_parser(
        "identify",
        "Says who is in each image, or that it is nobody in the gallery.",
        """
examples:
  cari-gallery identify people.gallery photo.jpg
  cari-gallery identify people.gallery party.jpg --all-faces --fpir 0.01
The gallery itself gives the threshold: cari-gallery compares each person's
faces with everybody else's, as it would a stranger's.
""",
    )
    _add_images(parser)
    parser.add_argument(
        "--fpir",
        type=float,
        metavar="SHARE",
        help="largest share of strangers' faces to take for a known person [0.05]",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="D",
        help="in place of --fpir: the largest squared distance, 0 to 4",
    )
    parser.add_argument(
        "--top", type=at_least_one, default=3, metavar="N", help="number of candidates [3]"
    )
    parser.add_argument(
        "--all-faces", action="store_true", help="name every face, not only the main one"
    )
    given = parser.parse_args(arguments)
    if given.fpir is not None and given.threshold is not None:
        raise ConfigError("--fpir and --threshold do not go together; leave one of them out")
    model = flags.model_of(given)

    from cari_keras.gallery.gallery import Gallery

    gallery = Gallery(given.gallery, model)

    def answer(path: str) -> None:
        faces = [cut.pixels for cut in model.every_face(path, given.modality)]
        answers = gallery.identify(
            model.embed_faces(np.stack(faces if given.all_faces else faces[:1])),
            modality=given.modality,
            fpir=given.fpir,
            threshold=given.threshold,
            count=given.top,
        )
        for face, found in enumerate(answers):
            _tell(given, path, face, found)

    return each_image("cari-gallery", given.images, answer)


def _tell(given: argparse.Namespace, path: str, face: int, answer: Answer) -> None:
    if given.json:
        said = {**answer._asdict(), "candidates": [one._asdict() for one in answer.candidates]}
        found = {"image": path, "face": face, "identity": answer.identity, **said}
        print(json.dumps(found, ensure_ascii=False))
        return
    which = f" (face {face + 1})" if given.all_faces else ""
    print(f"{one_line(path)}{which}: {one_line(answer.identity or 'nobody in the gallery')}")
    for one in answer.candidates:
        print(f"  {one.distance:.4f}  {one_line(one.identity)}")
    rate = "" if answer.fpir is None else f"; it accepts {answer.fpir:.1%} of strangers' faces"
    print(f"  threshold {answer.threshold:.4f} for {answer.people} people{rate}")


def group(arguments: Sequence[str]) -> int:
    """Sorts faces into people; returns the exit status."""
    parser = flags.action_parser(
        "group",
        "Sorts unnamed faces into people, and names the people whom the gallery knows.",
        """
examples:
  cari-gallery group people.gallery --sheets groups/
  cari-gallery group people.gallery --all --way hdbscan --json
""",
    )
    flags.add_only_flags(parser)
    parser.add_argument("--all", action="store_true", help="include faces with a name")
    parser.add_argument(
        "--way",
        choices=GROUPED_BY,
        default=BY_NEIGHBOURS,
        help=f"method of grouping; hdbscan takes up to 30,000 faces [{BY_NEIGHBOURS}]",
    )
    parser.add_argument(
        "--within",
        type=float,
        metavar="D",
        help=f"largest squared distance of two neighbours [{WITHIN}]",
    )
    parser.add_argument(
        "--fpir", type=float, metavar="SHARE", help="as for cari-gallery identify [0.05]"
    )
    parser.add_argument(
        "--sheets", type=user_path, metavar="FOLDER", help="folder for a picture of each group"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each face")
    given = parser.parse_args(arguments)
    only = flags.only_of(given)
    if not given.all and not only.identities:
        only = only._replace(unnamed=True)
    gallery = flags.open_gallery(given)
    options: dict[str, Any] = {} if given.within is None else {"within": given.within}
    found = gallery.group(only, way=given.way, fpir=given.fpir, **options)
    if found.why:
        print(f"cari-gallery: note: the groups have no names: {found.why}", file=sys.stderr)
    for row, label in zip(found.rows, found.grouping.labels.tolist()):
        if given.json:
            small = {**told(row._replace(thumbnail=None)), "group": label}
            name = found.names[label] if label >= 0 else None
            print(json.dumps({**small, "group_name": name}, ensure_ascii=False))
    if not given.json:
        for number, name in enumerate(found.names):
            rows = [r for r, k in zip(found.rows, found.grouping.labels) if k == number]
            print(f"group {number + 1}: {one_line(name or '-')}")
            for row in rows:
                print(f"  {line_of(row)}")
        alone = int((found.grouping.labels < 0).sum())
        print(
            f"{found.grouping.groups} groups of {len(found.rows)} faces; {alone} faces in no group"
        )
    if given.sheets:
        from cari_keras.gallery.sheets import write_sheets

        write_sheets(found, given.sheets)
    return 0


def _add_images(parser: Parser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="images to ask about")
    parser.add_argument(
        "--modality", choices=MODALITIES, default="photo", help="modality of the images [photo]"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each answer")
    flags.add_model_flags(parser)
