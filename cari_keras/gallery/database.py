"""LanceDB, where it is installed, and its errors as the package's own."""

from __future__ import annotations

import errno
import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cari_keras.errors import GalleryError


def library(name: str) -> Any:
    """LanceDB or a part of it, which comes with the extra `gallery`.

    Raises:
        GalleryError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise GalleryError(
            f"galleries need {name} ({error}); pip install 'cari_keras[gallery]'"
        ) from error


def asked(folder: Path, action: Callable[[], Any]) -> Any:
    """What the database of a gallery answers.

    Raises:
        GalleryError: It cannot.
    """
    try:
        return action()
    except (RuntimeError, ValueError, OSError) as error:
        raise GalleryError(f"{folder}: cannot be read ({_reason(error)}); damaged?") from error


def written(folder: Path, action: Callable[[], Any]) -> Any:
    """As `asked`, of what changes the gallery."""
    try:
        return action()
    except (RuntimeError, ValueError, OSError) as error:
        raise GalleryError(
            f"{folder}: cannot be written ({_reason(error)}); the gallery is intact: make "
            "room or change its permissions, then run the same command"
        ) from error


def _reason(error: BaseException) -> str:
    """What the system said, where it did; else the first line of the database's own words."""
    told = str(error)
    if number := re.search(r"\(os error (\d+)\)", told):
        return os.strerror(int(number[1]))
    if "No space left" in told:
        return os.strerror(errno.ENOSPC)
    return told.splitlines()[0][:200] if told else type(error).__name__
