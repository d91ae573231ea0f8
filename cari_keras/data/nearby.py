"""A dataset that lies a folder higher or lower than was said, or is another one: the right call."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from cari_keras.images.layouts import LAYOUTS, holds
from cari_keras.records.aligned import is_aligned
from cari_keras.vocabulary import MODALITIES

#: A layout -> the dataset that reads it, and the folders that make it.
_READ_BY = {
    "cavi": ("cavi", ("CaVI_Dataset", "train-test-files")),
    "webcaricature": ("webcaricature", ("OriginalImages", "EvaluationProtocols", "FacialPoints")),
    "modalities": ("folder", MODALITIES),
}

#: How many folders of a folder are looked into.
_MOST = 100


def right_call(asked: str, data_dir: str) -> str:
    """The remedy where a folder holds another dataset, or the dataset is near it; else empty.

    Args:
        asked: The dataset that was asked for.
        data_dir: The folder that was named for it.
    """
    root = Path(data_dir)
    # Folders of pictures of both kinds lie within other datasets too, so those come first.
    for dataset, folder in sorted(_near(root), key=lambda found: found[0] == "folder"):
        if (dataset or asked, folder) == (asked, root):
            return ""  # it is what was asked for; something else is wrong with it
        return (
            f"{root}: not a folder that --dataset {asked} reads; {folder} holds "
            f"{dataset or asked}: use --dataset {dataset or asked} --data-dir "
            f"{shlex.quote(str(folder))}"
        )
    return ""


def _near(root: Path) -> Iterator[tuple[str, Path]]:
    """Datasets in a folder, in those that hold it, and in those that it holds; '' for aligned."""
    if not root.is_dir():
        return
    yield from _of(root)
    if is_aligned(root):
        yield "", root
    inside = root.absolute()
    for above in list(inside.parents)[:3]:
        below = inside.relative_to(above).parts[0]
        for dataset, folder in _of(above):
            if any(below in folders for name, folders in _READ_BY.values() if name == dataset):
                yield dataset, folder
    try:
        held = sorted(path for path in root.iterdir() if path.is_dir())[:_MOST]
    except OSError:
        return
    for path in held:
        yield from _of(path)
        if is_aligned(path):
            yield "", path


def _of(folder: Path) -> Iterator[tuple[str, Path]]:
    for layout, (dataset, _) in _READ_BY.items():
        if holds(folder, LAYOUTS[layout]):
            yield dataset, folder
