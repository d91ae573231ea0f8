"""Any list of pairs, with its images beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from cari_keras.data.given import load_pairs, read_pair_list
from cari_keras.data.judged.base import Judged, list_beside


def load(root: Path, images: Optional[Path] = None) -> Judged:
    """Reads `ROOT/pairs.csv` (file, file, 1 or 0) or `ROOT/pairs.txt` (LFW's form).

    Args:
        root: The folder with the list; names in the list are relative to it.
        images: Where the images are, if not there.

    Raises:
        DatasetError: The list is missing or malformed, or no image of it is there.
    """
    remedy = "put a CSV of two files and 1 or 0 there"
    path = list_beside(root, ["pairs.csv", "pairs.txt"], remedy)
    found = load_pairs(images or root, read_pair_list(path))
    return Judged(f"Pairs of {root.resolve().name}", found)
