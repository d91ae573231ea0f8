"""LFW (Huang et al., 2007): view 2, 6,000 pairs in ten folds, from `pairs.txt`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from cari_keras.data.given import load_pairs, read_pair_list
from cari_keras.data.judged.base import Judged, first_folder, list_beside

#: Where archives of LFW put the pictures, in the order in which they are looked for.
FOLDERS = ("lfw", "lfw-deepfunneled", "lfw_funneled")


def load(root: Path, images: Optional[Path] = None) -> Judged:
    """Reads LFW: `ROOT/pairs.txt`, and `ROOT/lfw/<Name>/<Name>_0001.jpg` or `ROOT/<Name>/...`.

    Args:
        root: The folder with the list.
        images: Where the images are, if not there.

    Raises:
        DatasetError: The list is missing or malformed, or no image of it is there.
    """
    remedy = "put LFW's list of view 2 there"
    listed = read_pair_list(list_beside(root, ["pairs.txt"], remedy))
    return Judged("LFW, view 2", load_pairs(images or first_folder(root, FOLDERS), listed))
