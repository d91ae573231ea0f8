"""What the commands that use a trained network share: its flags, and how it is opened."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from cari_keras.cli.flags import given_path
from cari_keras.cli.parser import Parser
from cari_keras.errors import ImageError, quoted
from cari_keras.files import user_path
from cari_keras.runtime import load_tensorflow
from cari_keras.serving.loading import load_model
from cari_keras.vocabulary import FACENET

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel


def model_parser(program: str, description: str, examples: str, *, public: bool = True) -> Parser:
    """A parser with the network's argument and flags.

    Args:
        program: Its name.
        description: What it does.
        examples: See `Parser`.
        public: Whether the word `facenet` will do, a network that knows nobody by name.
    """
    parser = Parser(program, description, examples)
    also = f", or the word {FACENET}: the public weights, with no training" if public else ""
    parser.add_argument(
        "run",
        metavar="RUN",
        nargs="?",
        type=given_path,
        help=f"a run folder, or a folder of cari-export{also} [the network that comes with "
        "cari_keras]",
    )
    parser.add_argument(
        "--align",
        action=argparse.BooleanOptionalAction,
        help="first find the main face of each image and cut it out [yes for facenet, for the "
        "network that comes with cari_keras and for networks trained on aligned faces, "
        "else no]",
    )
    parser.add_argument(
        "--data-dir",
        type=given_path,
        metavar="DIR",
        help="the run's dataset, if it has moved or changed",
    )
    parser.add_argument(
        "--thresholds-of",
        type=given_path,
        metavar="RUN",
        help="threshold source: another run, for a run with --final",
    )
    parser.rare("thresholds_of")
    return parser


def at_least_one(text: str) -> int:
    """The type of a flag that counts."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1. Received: {quoted(text)}")
    return int(text)


def picture_path(text: str) -> Path:
    """The type of a flag that names a picture to write."""
    path = user_path(text)
    if not text or path.is_dir():
        raise argparse.ArgumentTypeError(
            f"must name a PNG file, not a folder. Received: {quoted(text)}"
        )
    return path


def each_image(program: str, images: Sequence[str], answer: Callable[[str], None]) -> int:
    """Answers images one by one; those that cannot be looked at are named on standard error.

    Returns:
        The exit status: 2 where there was such an image.
    """
    status = 0
    for path in images:
        try:
            answer(path)
        except ImageError as error:
            sys.stdout.flush()  # in the order of the images where both go to one place
            print(f"{program}: error: {error}", file=sys.stderr)
            status = 2
    return status


def words_of(given: argparse.Namespace) -> list[Union[str, Path]]:
    """The network and its flags once more, for another of the programs that `model_parser` has."""
    words: list[Union[str, Path]] = [] if given.run is None else [Path(given.run)]
    if given.align is not None:
        words.append("--align" if given.align else "--no-align")
    for flag, path in (("--data-dir", given.data_dir), ("--thresholds-of", given.thresholds_of)):
        if path is not None:
            words += [flag, Path(path)]
    return words


def open_given(given: argparse.Namespace) -> FaceModel:
    """The network that the flags name."""
    # Garbage collection takes a quarter of the time until the first answer. It finds nothing: the
    # objects of TensorFlow and of the network all stay.
    collects = gc.isenabled()
    gc.disable()
    try:
        load_tensorflow()
        return load_model(
            given.run,
            align=given.align,
            data_dir=given.data_dir,
            thresholds_of=given.thresholds_of,
        )
    finally:
        if Path(sys.argv[0]).name.startswith("cari-"):
            gc.freeze()  # not in a notebook, which calls `main` and outlives the network
        if collects:
            gc.enable()
