"""cari-app: serves a web page on which you can try a network."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cari_keras.cli.faces import model_parser, open_given
from cari_keras.cli.flags import given_path, run_program
from cari_keras.errors import quoted

EXAMPLES = """
examples:
  cari-app                              the package's own network
  cari-app facenet --port 8000          the public weights, with no training
  cari-app --gallery people.gallery     also search a gallery
  cari-app --gallery pictures/          or a folder of pictures
The page is at http://127.0.0.1:7860. It sends no data to any other server.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-app", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = model_parser("cari-app", "Serves a web page on which you can try a network.", EXAMPLES)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on; 0.0.0.0 admits everybody who can reach this machine "
        "[127.0.0.1]",
    )
    parser.add_argument(
        "--port", type=_port, default=7860, metavar="N", help="port to listen on [7860]"
    )
    parser.add_argument(
        "--gallery",
        type=given_path,
        metavar="DIR",
        help="a gallery made by cari-gallery, or a folder of pictures; the page searches its faces "
        "and names its people",
    )
    given = parser.parse_args(arguments)

    from cari_keras.app.library import gradio

    with tempfile.TemporaryDirectory(prefix="cari-app-") as folder:
        uploads, pictures = (Path(folder) / name for name in ("uploads", "examples"))
        gradio(uploads)  # missing, it is told before a network is loaded
        model = open_given(given)

        from cari_keras.app.desk import Desk
        from cari_keras.app.examples import write_examples
        from cari_keras.app.given import Portraits, no_portraits, open_faces, portraits_of
        from cari_keras.app.page import build
        from cari_keras.app.serving import serve

        gallery = None
        portraits: Portraits = no_portraits
        if given.gallery:  # whose people have pictures of their own
            gallery = open_faces(Path(given.gallery), model, progress=True)
        elif given.run:
            portraits = portraits_of(Path(given.run), given.data_dir, model)
        desk = Desk(model, gallery, portraits)
        examples = write_examples(pictures)
        desk.warm_up(*examples[0])
        page = build(desk, examples)
        with serve(page, given.host, given.port, [pictures]) as address:
            print(f"The page is at {address} (Ctrl-C stops the server)", flush=True)
            threading.Event().wait()
    return 0


def _port(text: str) -> int:
    """The type of the flag `--port`."""
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 1 to 65535. Received: {quoted(text)}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
