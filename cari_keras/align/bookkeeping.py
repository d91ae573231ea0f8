"""A dataset's lists, copied beside its aligned faces: its protocol needs them."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Sequence
from pathlib import Path

from cari_keras.files import atomic_path
from cari_keras.images.walk import files_of


def copy_lists(raw: Path, aligned: Path, names: Sequence[str]) -> None:
    """Brings the copies of the raw folder's lists to what these are now, each folder in one step.

    Args:
        raw: The raw folder.
        aligned: The aligned one.
        names: The folders of lists in `raw`; those that it does not have are left out.

    Raises:
        OSError: A file cannot be read or written.
    """
    for name in names:
        source, copy = raw / name, aligned / name
        if not source.is_dir() or _same(source, copy):
            continue
        with atomic_path(copy) as temporary:
            temporary.mkdir()
            for path in files_of(source):
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                # Not their permissions: a copy that may not be written could not be replaced.
                shutil.copyfile(source / path, temporary / path)


def _same(source: Path, copy: Path) -> bool:
    files = files_of(source)
    return (
        copy.is_dir()
        and files == files_of(copy)
        and all(filecmp.cmp(source / path, copy / path, shallow=False) for path in files)
    )
