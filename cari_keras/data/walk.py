"""Every file below a folder, links followed, with nothing left out in silence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def walk(folder: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[str, str]]:
    """Paths of files with an empty reason, of folders that cannot be entered with one.

    Links are followed, but not to a folder that the link lies in. A folder's entries come by name.

    Args:
        folder: Where to begin.
        above: Device and number of the folders that it lies in.
    """
    try:
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            yield folder, "link to a folder that holds it"
            return
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield folder, f"folder cannot be read ({error.strerror})"
        return
    for entry in entries:
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if is_folder:
            yield from walk(entry.path, (*above, identity))
        else:
            yield entry.path, ""


def pictures(folder: Path, extensions: frozenset[str]) -> tuple[list[Path], list[str]]:
    """The files below a folder with one of some extensions, by path; and what cannot be entered.

    Args:
        folder: Where to look.
        extensions: In lower case, with their dot.

    Returns:
        paths: Of the files.
        refused: A line for every folder that was left out, with the reason.
    """
    found, refused = [], []
    for name, reason in walk(str(folder)):
        path = Path(name)
        if reason:
            refused.append(f"{path}: {reason}")
        elif path.suffix.lower() in extensions and path.is_file():
            found.append(path)
    return sorted(found), refused
