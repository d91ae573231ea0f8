"""cari-align: finds and crops the faces in raw pictures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cari_keras.align.config import AlignConfig
from cari_keras.cli.again import command, tell_next
from cari_keras.cli.engines import add_engine_flag, split_options
from cari_keras.cli.flags import add_flags, run_program
from cari_keras.cli.parser import Parser
from cari_keras.errors import CariError
from cari_keras.files import user_path
from cari_keras.images.layouts import LAYOUTS, find_layout
from cari_keras.presets import PRESETS
from cari_keras.vocabulary import DATASETS

EXAMPLES = f"""
layouts (cari-align recognises them, or --layout names one):
{chr(10).join(f"  {layout.name:<14} {layout.shape}" for layout in LAYOUTS.values())}

examples:
  cari-align raw/ aligned/              align, or continue after Ctrl-C
  cari-align raw/ aligned/ --margin 0.3 --image-size 160
                                        tighter, smaller crops
  cari-train --dataset cavi --data-dir aligned/
                                        train on the aligned faces
"""

MORE = """more examples:
  cari-align raw/ aligned/ --align box --overwrite
                                        start again with other settings
  cari-align raw/ aligned/ --engine beam -- --runner=FlinkRunner ...
                                        on a cluster that can read both folders
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-align", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    words, beam_options = split_options(arguments)
    parser = Parser(
        "cari-align",
        "Finds and crops the faces in a folder, and says what became of every file.",
        EXAMPLES,
        MORE,
    )
    parser.add_argument("raw", metavar="RAW", type=user_path, help="folder of raw pictures")
    parser.add_argument(
        "aligned", metavar="ALIGNED", type=user_path, help="folder for the aligned faces"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="X",
        help="number of processes, of 0.7 GB each (default: one for each core)",
    )
    add_engine_flag(parser)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="discard earlier results and align every file again",
    )
    parser.add_argument("--quiet", action="store_true", help="print only the table at the end")
    add_flags(parser, {"alignment settings": AlignConfig})
    given = vars(parser.parse_args(words))
    if given["workers"] is not None and given["workers"] < 1:
        parser.error(f"--workers must be at least 1. Received: {given['workers']}")
    raw, aligned = given.pop("raw"), given.pop("aligned")
    how = {name: given.pop(name) for name in ("workers", "overwrite", "engine")}
    progress = not given.pop("quiet")

    from cari_keras.align.engine import align_folder
    from cari_keras.align.folder import check_faces
    from cari_keras.records.manifest import MANIFEST

    config = AlignConfig(**given)
    summary = align_folder(
        raw, aligned, config, progress=progress, beam_options=beam_options, **how
    )
    print(summary.table())
    check_faces(summary, raw, aligned)
    print(f"\nFaces of {summary.identities} people in {aligned / 'records'}")
    print(
        f"What became of every file: {aligned / MANIFEST}\nThe faces to look at: "
        f"{aligned / 'contact_sheet.png'}"
    )
    if progress and (dataset := _trains_as(raw, aligned, config.layout)):
        tell_next(command("train", "--dataset", dataset, "--data-dir", aligned))
    return 0


def _trains_as(raw: Path, aligned: Path, layout: str) -> str:
    """The dataset that an aligned folder can be trained on as; empty where it is none.

    It is none where its pictures are of one person. CaVI's and WebCaricature's faces without their
    lists are a plain folder's.
    """
    from cari_keras.data.registry import load_dataset

    own = find_layout(raw, layout).name
    for dataset in dict.fromkeys((own if own in DATASETS else "folder", "folder")):
        with contextlib.suppress(CariError, OSError):
            load_dataset(PRESETS[dataset]().with_values({"data_dir": str(aligned)}))
            return dataset
    return ""


if __name__ == "__main__":
    sys.exit(main())
