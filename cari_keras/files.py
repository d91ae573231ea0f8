"""Atomic writes: a file or folder is either there whole, or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: What numpy raises of an `.npz` file that is missing or damaged.
DAMAGED_ARCHIVE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; renames it to `path` when the block succeeds.

    The temporary file or folder is removed when the block raises. A file is replaced in one step;
    a folder in two renames, the old one being moved aside first.

    Raises:
        IsADirectoryError: `path` is `.`, `..` or `/`, or a folder where a file was written.
        OSError: Whatever the block raised, with the name of `path` where it had none of its own.
    """
    path = Path(path)
    if path.name in ("", ".."):
        raise _is_a_folder(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = holder / path.name
    try:
        yield temporary
        if path.is_dir():
            if not temporary.is_dir():
                raise _is_a_folder(path)
            path.replace(holder / f"{path.name}.old")
        temporary.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _is_a_folder(path: Path) -> OSError:
    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))


def finish_writes(folder: Path) -> None:
    """Ends what a process that was killed within `atomic_path` left half done in a folder.

    A new folder that was whole, the old one being moved aside already, takes its place; what was
    not whole is removed. For folders in which nobody else writes.
    """
    for holder in Path(folder).glob(".*.*"):
        name = holder.name[1:].rpartition(".")[0]
        new, old, path = holder / name, holder / f"{name}.old", holder.with_name(name)
        if not holder.is_dir() or not {new, old}.issuperset(holder.iterdir()):
            continue
        if old.exists() and new.exists() and not path.exists():
            new.replace(path)
        shutil.rmtree(holder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` atomically, as UTF-8.

    Bytes of names that are not UTF-8 (`\\udcXX` in Python) are written as that: JSON reads it back.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Writes `value` to `path` atomically, as indented JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def user_cache_dir() -> Path:
    """`$CARI_KERAS_CACHE`, else `$XDG_CACHE_HOME/cari_keras`, else `~/.cache/cari_keras`."""
    own = os.environ.get("CARI_KERAS_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cari_keras"
