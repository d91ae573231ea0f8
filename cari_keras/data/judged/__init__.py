"""Datasets for evaluation only, each a module with `load`; no network trains on them.

Adding one is adding its name to `cari_keras.vocabulary.JUDGED`, and a module of that name here with
a function `load(root, images)` that returns `Judged` of `base.py`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Optional

from cari_keras.data.judged.base import Judged
from cari_keras.errors import DatasetError
from cari_keras.files import user_path
from cari_keras.vocabulary import JUDGED, check_word


def load_judged(name: str, root: Path, images: Optional[Path] = None) -> Judged:
    """Reads a dataset for evaluation only.

    Args:
        name: One of `JUDGED`.
        root: The dataset's folder.
        images: Where its images are, if not in `root`: what cari-align made of them.

    Raises:
        ConfigError: There is no dataset of that name.
        DatasetError: The folder is missing, or not in the dataset's layout.
    """
    check_word("dataset", name, JUDGED)
    root = user_path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; name {name}'s folder with --data-dir")
    found: Judged = import_module(f"{__name__}.{name}").load(root, images)
    return found
