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
from typing import Any, Optional, Union

import platformdirs
from filelock import BaseFileLock, FileLock, Timeout

from cari_keras.errors import ConfigError, shown

#: The environment variable that names the cache's folder.
CACHE_VARIABLE = "CARI_KERAS_CACHE"

#: What numpy raises of an `.npz` file that is missing or damaged.
DAMAGED_ARCHIVE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def user_path(given: Union[str, os.PathLike[str]]) -> Path:
    """A path that a user gave as a flag, a setting, an argument or an environment variable.

    A `~` or `~name` in front becomes the home folder, as a shell has it. The shell itself leaves
    it in `--output=~/x`, and never sees what is given in Python or in a file. `~name` stays where
    there is no such user. `./~` is a folder of that name.

    Raises:
        ConfigError: It is no path, or begins with `~` and no home folder is known.
    """
    text = given if isinstance(given, str) else _named_by(given)
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own refuses unknown names
    if not path.parts or not path.parts[0].startswith("~"):
        return path
    if text.startswith("~/") or text == "~":
        raise ConfigError(
            f"{text}: the home folder ~ is not known (HOME is not set); give the full path"
        )
    return path.absolute()  # a path drops the ./ in front, and would be read anew as a home


def user_home() -> Optional[Path]:
    """The user's home folder; None where HOME is not set and nobody knows the user."""
    found = os.path.expanduser("~")  # noqa: PTH111 - Path's own raises
    return None if found == "~" else Path(found)


def _named_by(given: Any) -> str:
    """The path that an object stands for.

    Raises:
        ConfigError: It stands for none, or for one in bytes, which would be read as no other is.
    """
    text = os.fspath(given) if isinstance(given, os.PathLike) else None
    if not isinstance(text, str):
        raise ConfigError(f"a path is text or an os.PathLike. Received: {shown(given)}")
    return text


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary name beside `path`; renames it to `path` when the block succeeds.

    The temporary file or folder is removed when the block raises. A file is replaced in one step;
    a folder in two renames, the old one being moved aside first.

    Raises:
        IsADirectoryError: `path` is `.`, `..` or `/`, or a folder where a file was written.
        OSError: Whatever the block raised, with the name of `path` where it had none of its own.
    """
    path = user_path(path)
    if path.name in ("", ".."):
        raise _is_a_folder(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = _holder(path)
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


def _holder(path: Path) -> Path:
    """A new folder beside a path; where none can be made, the error names the path."""
    try:
        return Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


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


def lock_file(path: Path, *, wait: bool) -> BaseFileLock:
    """Makes a file's lock this process's own, until it is released or the process ends.

    Args:
        path: The file; made where it does not exist.
        wait: Whether to wait while another process has it.

    Raises:
        filelock.Timeout: Another process has it, and `wait` is off.
        OSError: The file cannot be made, or its file system keeps no locks; with the path's name.
    """
    # Another kind of lock would outlast a process that is killed.
    found = FileLock(path, timeout=-1 if wait else 0, fallback_to_soft=False)
    try:
        found.acquire()
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:
        number = getattr(error, "errno", None) or errno.ENOLCK
        raise OSError(number, f"cannot be locked ({os.strerror(number)})", str(path)) from error
    return found


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


def cache_name(request: Any) -> str:
    """The name under which a cache stores a request's result, 32 hexadecimal digits.

    Args:
        request: Plain values, all that the result depends on; names that are no UTF-8 as well.
    """
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]


def user_cache_dir() -> Path:
    """`$CARI_KERAS_CACHE`, else the system's place for a user's caches (`~/.cache/cari_keras`).

    Raises:
        ConfigError: It is in the home folder, and that is not known.
    """
    own = os.environ.get(CACHE_VARIABLE)
    try:
        return user_path(own or platformdirs.user_cache_path("cari_keras", appauthor=False))
    except (ConfigError, RuntimeError) as error:  # RuntimeError: of newer versions of platformdirs
        raise ConfigError(
            f"no folder is known for the cache (HOME is not set); name one in {CACHE_VARIABLE}"
        ) from error


def cache_place(cache_dir: Union[str, os.PathLike[str], None], kind: str) -> Path:
    """A folder of the cache, which may not exist.

    Args:
        cache_dir: The cache; None for `user_cache_dir()`.
        kind: What the folder keeps.

    Raises:
        ConfigError: No place for the cache is known.
    """
    return (user_path(cache_dir) if cache_dir else user_cache_dir()) / kind


def usable_cache(folder: Path) -> Path:
    """A folder of the cache, made where it does not exist.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The system may let nobody write (a read-only disk), whatever the folder's rights say.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(
            f"{folder}: the cache cannot be written ({error.strerror}); name another folder in "
            f"{CACHE_VARIABLE}, or by --cache-dir where there is one"
        ) from error
    return folder
