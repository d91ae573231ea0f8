"""The type of datasets for evaluation only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from cari_keras.data.given import Listed
from cari_keras.errors import DatasetError


class Judged(NamedTuple):
    """A dataset for evaluation only.

    Attributes:
        title: For people.
        listed: Its split `data.given.SPLIT` has the images. Where the dataset names that split
            among its `crossed`, every caricature is compared with every photo; else the pairs are
            those listed, in folds where there are folds.
        notes: What there is to say of how it was read, a sentence each.
    """

    title: str
    listed: Listed
    notes: tuple[str, ...] = ()


def first_folder(root: Path, names: Sequence[str]) -> Path:
    """The first existing one of some folders below a root; the root where none exists."""
    return next((root / name for name in names if (root / name).is_dir()), root)


def list_beside(root: Path, names: Sequence[str], remedy: str) -> Path:
    """The first existing one of some files in a root.

    Raises:
        DatasetError: None is; the message ends with the remedy.
    """
    found: Optional[Path] = next((root / name for name in names if (root / name).is_file()), None)
    if found is None:
        raise DatasetError(f"{root}: has no {' or '.join(names)}; {remedy}")
    return found
