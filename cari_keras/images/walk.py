"""Every file below a folder, links followed, with nothing left out in silence."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

from cari_keras.images.kinds import is_picture
from cari_keras.images.names import is_systems
from cari_keras.wording import counted

#: Why files and folders are left out: a reason, as of one of them -> as of several. What some
#: reasons add in brackets is left out there.
SYSTEMS_FILE, SYSTEMS_FOLDER = "a system's own file", "a system's own folder"
BROKEN_LINK = "broken link"
READ_ALREADY = "link to a folder that is read elsewhere"
NOT_REGULAR = "not a regular file"
NO_PICTURE = "not a picture"
_SEVERAL = {
    SYSTEMS_FILE: "systems' own files",
    SYSTEMS_FOLDER: "systems' own folders",
    BROKEN_LINK: "broken links",
    READ_ALREADY: "links to folders that are read elsewhere",
    NOT_REGULAR: "pipes, sockets or devices",
    NO_PICTURE: "files that are not images",
    "folder cannot be read": "folders that cannot be read",
    "not in an identity's folder": "files not directly in an identity's folder",
}

#: What is no file and no folder.
_SPECIAL = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


def walk(folder: str) -> Iterator[tuple[str, str]]:
    """Paths of regular files with an empty reason, of all that is left out with one.

    Links are followed, but every real folder is entered once, under its own name where it lies
    below `folder` and else by the first link to it. Folders of a system's own are not entered, and
    nothing but folders is opened.

    Args:
        folder: Where to begin; its own name does not matter.
    """
    entered: set[tuple[int, int]] = set()
    links = deque([folder])
    while links:
        yield from _walk_real(links.popleft(), entered, links)


def _walk_real(
    top: str, entered: set[tuple[int, int]], links: deque[str]
) -> Iterator[tuple[str, str]]:
    """What lies below a folder without following links to folders, which are noted for later."""
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            status = Path(folder).stat()
            identity = (status.st_dev, status.st_ino)
            if identity in entered:
                yield folder, READ_ALREADY
                continue
            entered.add(identity)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield folder, f"folder cannot be read ({error.strerror})"
            continue
        inner: list[str] = []
        for entry in entries:
            mode, reason = _look(entry)
            if not stat.S_ISDIR(mode):
                yield entry.path, reason
            elif is_systems(entry.name):
                yield entry.path, SYSTEMS_FOLDER
            else:
                (links if entry.is_symlink() else inner).append(entry.path)
        folders += reversed(inner)


def _look(entry: os.DirEntry[str]) -> tuple[int, str]:
    """An entry's mode, links followed, and why it is left out, unless it is a folder."""
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        if entry.is_dir(follow_symlinks=False):  # whoever enters it says why it cannot be
            return stat.S_IFDIR, ""
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
        broken = gone and entry.is_symlink()
        # Else whoever reads it says why it cannot be.
        return 0, BROKEN_LINK if broken else SYSTEMS_FILE if is_systems(entry.name) else ""
    if is_systems(entry.name):
        return mode, SYSTEMS_FILE
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return mode, ""
    return mode, f"{NOT_REGULAR} ({_SPECIAL.get(stat.S_IFMT(mode), 'a device')})"


def left_out(reason: str) -> str:
    """What a report says of files that were left out for one reason, after their number.

    Example:
        >>> left_out("not a regular file (a socket)"), left_out("broken link")
        ('pipes, sockets or devices, left out', 'broken links, left out')
    """
    short = reason.split(" (")[0]
    return f"{_SEVERAL.get(short, short)}, left out"


def stamp(path: Path) -> Optional[tuple[int, int]]:
    """Size and time of change of a file, None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


class Pictures(NamedTuple):
    """The pictures below a folder.

    Attributes:
        paths: Of the files that `is_picture` takes for one, in order.
        left_out: Path and reason of everything else.
    """

    paths: list[Path]
    left_out: list[tuple[str, str]]

    def counts(self) -> dict[str, int]:
        """How many were left out, by what a report says of them."""
        return dict(Counter(left_out(reason) for _, reason in self.left_out))

    def lines(self) -> list[str]:
        """A line for each reason: how many, and the first of them."""
        firsts = {left_out(reason): path for path, reason in reversed(self.left_out)}
        return [
            f"{counted(n, kind)}; the first is {firsts[kind]}" for kind, n in self.counts().items()
        ]


def pictures(folder: Path) -> Pictures:
    """The pictures below a folder, and what else is there."""
    found, others = [], []
    for name, reason in walk(str(folder)):
        path = Path(name)
        if reason or not is_picture(path):
            others.append((name, reason or NO_PICTURE))
        else:
            found.append(path)
    return Pictures(sorted(found), sorted(others))


def files_of(folder: Path) -> list[Path]:
    """The regular files below a folder but a system's own, in order; relative to it."""
    return sorted(Path(path).relative_to(folder) for path, why in walk(str(folder)) if not why)
