"""The actions of cari-gallery that change a gallery, and those that list it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Optional

from cari_keras.align.config import BEAM
from cari_keras.cli import gallery_flags as flags
from cari_keras.cli.again import command, tell_next
from cari_keras.cli.engines import add_engine_flag, split_options
from cari_keras.cli.faces import at_least_one
from cari_keras.cli.parser import Parser
from cari_keras.errors import ConfigError, one_line
from cari_keras.files import user_path
from cari_keras.vocabulary import AUTO, FROM_FOLDER, FROM_NOWHERE, MODALITIES, NAMED_BY
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.gallery.adding import Change, OnBeam
    from cari_keras.gallery.rows import FaceRow


def add(arguments: Sequence[str]) -> int:
    """Takes pictures into a gallery; returns the exit status."""
    parser = flags.action_parser(
        "add",
        "Adds the faces in pictures to a gallery. It skips pictures that are unchanged.",
        """
examples:
  cari-gallery add people.gallery pictures/
  cari-gallery add people.gallery ann.jpg --identity ann
  cari-gallery add people.gallery heap/ --people none --modality caricature
  cari-gallery add people.gallery many/ --engine beam --workers 8
The same command continues after a stop. Several commands may add at a time.
""",
    )
    parser.add_argument("places", metavar="PLACE", nargs="+", help="a folder, or a picture")
    _add_flags(parser)
    given, on = _given(parser, arguments)
    gallery = flags.open_gallery(given, with_model=True)
    _tell(gallery.add(given.places, on=on, **_how(given)), len(gallery))
    line = command("gallery", "group" if given.people == FROM_NOWHERE else "list", given.gallery)
    tell_next(line, quiet=given.quiet)
    return 0


def update(arguments: Sequence[str]) -> int:
    """Brings a gallery up to date with its pictures; returns the exit status."""
    parser = flags.action_parser(
        "update",
        "Brings a gallery up to date with the pictures in folders.",
        """
examples:
  cari-gallery update people.gallery pictures/
  cari-gallery update people.gallery --network --model runs/mine
""",
    )
    parser.add_argument("places", metavar="FOLDER", nargs="*", help="a folder of pictures")
    parser.add_argument(
        "--network",
        action="store_true",
        help="embed all pictures of the gallery again, with --model; the gallery uses its old "
        "network until all are done",
    )
    _add_flags(parser)
    given, on = _given(parser, arguments)
    if given.network == bool(given.places):
        raise ConfigError("name the folders to bring up to date, or give --network without folders")
    if given.network and on is not None:
        raise ConfigError("--network embeds in this process; leave --engine beam out")
    gallery = flags.open_gallery(given, with_model=not given.network)
    if given.network:
        change = gallery.rebuild(
            flags.model_of(given), thumbnails=given.thumbnails, progress=not given.quiet
        )
    else:
        change = gallery.update(given.places, on=on, **_how(given))
    _tell(change, len(gallery))
    return 0


def remove(arguments: Sequence[str]) -> int:
    """Removes faces from a gallery; returns the exit status."""
    parser = flags.action_parser(
        "remove",
        "Removes faces from a gallery; the pictures themselves stay.",
        """
examples:
  cari-gallery remove people.gallery --only-identity ann
  cari-gallery remove people.gallery --only-folder heap/
""",
    )
    flags.add_only_flags(parser)
    parser.add_argument("--all", action="store_true", help="remove every face")
    given = parser.parse_args(arguments)
    only = flags.only_of(given)
    if given.all == any(only):
        raise ConfigError("name the faces with --only-..., or give --all without them")
    gallery = flags.open_gallery(given)
    print(f"{counted(gallery.remove(only), 'faces')} removed, {len(gallery)} left")
    return 0


def listing(arguments: Sequence[str]) -> int:
    """Lists faces of a gallery; returns the exit status."""
    parser = flags.action_parser(
        "list",
        "Lists the faces of a gallery: modality, person, picture and number of the face.",
        """
examples:
  cari-gallery list people.gallery --only-identity ann
  cari-gallery list people.gallery --json
""",
    )
    flags.add_only_flags(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object for each face")
    given = parser.parse_args(arguments)
    for row in flags.open_gallery(given).rows(flags.only_of(given)):
        print(json.dumps(told(row), ensure_ascii=False) if given.json else line_of(row))
    return 0


def export(arguments: Sequence[str]) -> int:
    """Writes faces of a gallery to a file; returns the exit status."""
    parser = flags.action_parser(
        "export",
        "Writes the faces of a gallery to FILE: .csv, or .parquet with embeddings.",
        """
examples:
  cari-gallery export people.gallery people.csv
  cari-gallery export people.gallery ann.parquet --only-identity ann
""",
    )
    parser.add_argument("file", metavar="FILE", type=user_path, help="file to write")
    flags.add_only_flags(parser)
    given = parser.parse_args(arguments)
    count = flags.open_gallery(given).export(given.file, flags.only_of(given))
    print(f"{counted(count, 'faces')} written to {given.file}")
    return 0


def told(row: FaceRow) -> dict[str, Any]:
    """A face as JSON has it."""
    found = {name: value for name, value in row._asdict().items() if value is not None}
    return {k: v.tolist() if hasattr(v, "tolist") else v for k, v in found.items()}


def line_of(row: FaceRow) -> str:
    """A face in a line."""
    which = "" if row.face == 0 else f" (face {row.face + 1})"
    return f"{row.modality:<10}  {one_line(row.identity or '-')}  {one_line(row.path)}{which}"


def _add_flags(parser: Parser) -> None:
    flags.add_model_flags(parser)
    parser.add_argument(
        "--modality",
        choices=(AUTO, *MODALITIES),
        default=AUTO,
        help="modality of the pictures; auto: named by folders photo and caricature, else "
        "photo [auto]",
    )
    parser.add_argument(
        "--identity", metavar="NAME", help="the person whom the pictures' main faces show"
    )
    parser.add_argument(
        "--people",
        choices=NAMED_BY,
        default=FROM_FOLDER,
        help="folder: a picture's folder names its person; none: faces get no names [folder]",
    )
    parser.add_argument(
        "--thumbnails",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="store a small picture of each face, for sheets [yes]",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument(
        "--workers",
        type=at_least_one,
        metavar="X",
        help="number of processes of Beam's own runner [1]",
    )
    add_engine_flag(parser)
    parser.rare("workers")


def _given(parser: Parser, arguments: Sequence[str]) -> tuple[argparse.Namespace, Optional[OnBeam]]:
    """The flags, and Beam's pipelines where they are asked for."""
    words, beam_options = split_options(arguments)
    given = parser.parse_args(words)
    if given.engine != BEAM:
        if beam_options or given.workers is not None:
            raise ConfigError("--workers and Beam's options need --engine beam")
        return given, None
    from cari_keras.gallery.adding import OnBeam

    opened = partial(flags.opened, given.model, given.align)
    return given, OnBeam(opened, given.workers or 1, beam_options)


def _how(given: argparse.Namespace) -> dict[str, Any]:
    names = ("modality", "identity", "people", "thumbnails")
    return {**{name: getattr(given, name) for name in names}, "progress": not given.quiet}


def _tell(change: Change, faces: int) -> None:
    for line in change.refused:
        print(f"cari-gallery: left out: {one_line(line)}", file=sys.stderr)
    print(
        f"pictures: {change.new} new, {change.changed} changed, {change.gone} gone, "
        f"{change.unchanged} unchanged; {counted(faces, 'faces')} in the gallery"
    )
