"""What the actions of cari-gallery share: their flags, and how a gallery is opened."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Optional

from cari_keras.cli.flags import given_path
from cari_keras.cli.parser import Parser
from cari_keras.files import user_path
from cari_keras.runtime import load_tensorflow
from cari_keras.serving.loading import load_model
from cari_keras.vocabulary import FACENET, MODALITIES

if TYPE_CHECKING:
    from cari_keras.gallery.gallery import Gallery
    from cari_keras.gallery.only import Only
    from cari_keras.serving.face_model import FaceModel


def action_parser(action: str, description: str, examples: str) -> Parser:
    """A parser with the gallery's argument."""
    parser = Parser(f"cari-gallery {action}", description, examples)
    parser.add_argument("gallery", metavar="GALLERY", type=user_path, help="the gallery's folder")
    return parser


def add_model_flags(parser: Parser) -> None:
    """The network, for actions that embed pictures."""
    parser.add_argument(
        "--model",
        type=given_path,
        metavar="RUN",
        help=f"the gallery's network: a run folder, a folder of cari-export, or {FACENET} [the "
        "network that comes with cari_keras]",
    )
    parser.add_argument(
        "--align",
        action=argparse.BooleanOptionalAction,
        help="find the faces in each picture and cut them out; --no-align takes each picture "
        "whole [as the network was trained]",
    )


def add_only_flags(parser: Parser) -> None:
    """Which faces of the gallery are meant."""
    parser.add_argument("--only-modality", choices=MODALITIES, help="only faces of this modality")
    parser.add_argument(
        "--only-identity",
        action="append",
        default=[],
        metavar="NAME",
        help="only this person's faces; may be given more than once",
    )
    parser.add_argument(
        "--only-folder",
        type=user_path,
        metavar="PATH",
        help="only faces of pictures below a folder, or of one picture",
    )


def only_of(given: argparse.Namespace) -> Only:
    """The faces that the flags mean."""
    from cari_keras.gallery.only import Only

    return Only(given.only_modality, tuple(given.only_identity), given.only_folder)


def model_of(given: argparse.Namespace) -> FaceModel:
    """The network that the flags name."""
    return opened(given.model, given.align)


def opened(model: Optional[str], align: Optional[bool]) -> FaceModel:
    """A network by its name, as a worker opens it too."""
    load_tensorflow()
    return load_model(model, align=align)


def open_gallery(given: argparse.Namespace, *, with_model: bool = False) -> Gallery:
    """The gallery, with the network that the flags name where pictures are to be embedded."""
    model = model_of(given) if with_model else None  # first: it loads TensorFlow quietly

    from cari_keras.gallery.gallery import Gallery

    return Gallery(given.gallery, model)
