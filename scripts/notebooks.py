#!/usr/bin/env python
"""Runs the notebooks of docs/notebooks, and stores what they show.

    .venv/bin/python scripts/notebooks.py            # all
    .venv/bin/python scripts/notebooks.py weights    # one
    .venv/bin/python scripts/notebooks.py --check    # runs them, and changes nothing

Each runs in a folder of its own, which is removed. Nothing is taken from the user's
cache. The status is 1 where a cell raises or writes to standard error, and with `--check` where it
shows something of another kind than what is stored.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from cari_keras.shipped import LICENCE

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"

#: How such a line begins: since TensorFlow 2.16 no setting keeps the first ones off.
_LOGGED = re.compile(r"WARNING: All log messages before absl::|[IWE]\d{4} \S+ +\d+ \S+\.cc:\d+\] ")

#: Seconds that a cell may take.
TIMEOUT = 600


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    there = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(there)} (all)")
    parser.add_argument("--check", action="store_true", help="change nothing")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(there))
    if unknown:
        parser.error(f"no notebook {unknown[0]!r}; there are {', '.join(there)}")
    wrong = []
    for name in given.names or there:
        path = FOLDER / f"{name}.ipynb"
        stored = nbformat.read(path, as_version=4)
        try:
            found = executed(stored)
        except CellExecutionError as error:
            wrong.append(f"{name}: {error}")
            continue
        differing = [*noise(found), *(unlike(stored, found) if given.check else ())]
        wrong += [f"{name}: {line}" for line in differing]
        if not differing and not given.check:
            nbformat.write(found, path)
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


def executed(notebook: Any) -> Any:
    """A copy of a notebook with the outputs of a run in an empty folder.

    Raises:
        CellExecutionError: A cell has raised.
    """
    notebook = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory() as place:
        # What the user has set up and cached does not matter, nor does their history grow.
        os.environ["IPYTHONDIR"] = str(Path(place) / "ipython")
        os.environ["CARI_KERAS_CACHE"] = str(Path(place) / "cache")
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        work = Path(place) / "work"
        work.mkdir()
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(work)}},
        )
        return without_logs(client.execute())


def without_logs(notebook: Any) -> Any:
    """A notebook without the lines that TensorFlow's libraries log from below Python."""
    for cell in code(notebook):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                lines = output.text.splitlines(keepends=True)
                output.text = "".join(line for line in lines if not _LOGGED.match(line))
        cell.outputs = [output for output in cell.outputs if output.get("text", " ")]
    return notebook


def code(notebook: Any) -> list[Any]:
    """A notebook's cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def noise(notebook: Any) -> list[str]:
    """What cells wrote to standard error, besides the licence of the packaged network."""
    return [
        f"cell {k} wrote to standard error: {output.text.strip()}"
        for k, cell in enumerate(code(notebook), 1)
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
        if output.text.strip() != f"cari_keras: {LICENCE}"
    ]


def unlike(stored: Any, found: Any) -> list[str]:
    """Cells whose outputs are of other kinds than those stored; figures may differ by machine."""
    pairs = zip(code(stored), code(found))
    return [
        f"cell {k} shows {kinds(now)}, and {kinds(before)} is stored; run scripts/notebooks.py"
        for k, (before, now) in enumerate(pairs, 1)
        if kinds(before) != kinds(now)
    ]


def kinds(cell: Any) -> list[str]:
    """Of each output of a cell, its media types or the stream's name."""
    return [
        output.name if output.output_type == "stream" else " ".join(sorted(output.data))
        for output in cell.outputs
    ]


if __name__ == "__main__":
    sys.exit(main())
