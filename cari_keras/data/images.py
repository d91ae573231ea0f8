"""Any images to evaluate on, with nobody to train on, and lists of pairs of them."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Optional

from cari_keras.data.aligned import is_aligned, read_aligned
from cari_keras.data.base import CARICATURE, PHOTO, Dataset, Pair, Sample
from cari_keras.data.folder import EXTENSIONS, stamp
from cari_keras.data.walk import pictures
from cari_keras.errors import DatasetError

#: The one split of these datasets.
SPLIT = "test"


class PairList(NamedTuple):
    """Pairs as a file lists them.

    Attributes:
        pairs: First name, second name, same; names relative to the folder of images.
        folds: int per pair, from 0; None where the file has no folds.
    """

    pairs: list[tuple[str, str, bool]]
    folds: Optional[list[int]] = None


def read_pair_list(path: Path) -> PairList:
    """Reads a CSV of two paths and 1 or 0, or LFW's `pairs.txt` with its folds.

    LFW's first line gives the number of folds and of pairs of each kind in a fold (or the latter
    alone); then follow, for each fold, `Name 1 2` for `Name/Name_0001` and `Name/Name_0002`, and
    `Name 1 Other 2`.

    Raises:
        DatasetError: The file is missing, or a line is of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text ({error})") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DatasetError(f"{path}: nothing in it; expected a CSV of two paths and 1 or 0")
    if re.fullmatch(r"\s*\d+(\s+\d+)?\s*", lines[0][1]):
        return _lfw(path, lines)
    pairs = []
    for position, (number, line) in enumerate(lines):
        try:
            (row,) = csv.reader([line], strict=True)
        except (csv.Error, ValueError) as error:
            raise DatasetError(f"{path}:{number}: not a line of a CSV ({error})") from error
        cells = [cell.strip() for cell in row]
        if position == 0 and len(cells) == 3 and not cells[2].lstrip("-").isdigit():
            continue  # titles
        if len(cells) != 3 or cells[2] not in ("0", "1"):
            raise DatasetError(f"{path}:{number}: expected path,path,1|0, received {line[:80]!r}")
        pairs.append((cells[0], cells[1], cells[2] == "1"))
    if not pairs:
        raise DatasetError(f"{path}: no pairs in it; expected a CSV of two paths and 1 or 0")
    return PairList(pairs)


def _lfw(path: Path, lines: list[tuple[int, str]]) -> PairList:
    header = [int(word) for word in lines[0][1].split()]
    folds, each = header if len(header) == 2 else (1, header[0])
    if not folds or not each or len(lines) - 1 != 2 * folds * each:
        raise DatasetError(
            f"{path}: {folds} folds of 2 x {each} pairs announced, {len(lines) - 1} lines follow; "
            "put back the missing lines, or mend the first one"
        )
    pairs, fold = [], []
    for position, (number, line) in enumerate(lines[1:]):
        words = line.split("\t") if "\t" in line else line.split()
        words = [word.strip() for word in words if word.strip()]
        if len(words) == 3:
            words = [words[0], words[1], words[0], words[2]]
            same = True
        else:
            same = False
        if len(words) != 4 or not (words[1].isdigit() and words[3].isdigit()):
            raise DatasetError(
                f"{path}:{number}: expected Name 1 2 or Name 1 Other 2, received {line!r}"
            )
        first, second = (f"{n}/{n}_{int(i):04d}" for n, i in (words[:2], words[2:]))
        pairs.append((first, second, same))
        fold.append(position // (2 * each))
    return PairList(pairs, fold if folds > 1 else None)


def modality_of(name: str) -> str:
    """`caricature` where a folder in a file's name says so, else `photo`."""
    return CARICATURE if CARICATURE in name.lower().split("/")[:-1] else PHOTO


def modality_below(folder: Path, path: Path) -> str:
    """What an image is, by its folder's name and those of the folders below it."""
    own = Path(os.path.abspath(folder)).name  # noqa: PTH100 - not that of what a link leads to
    return modality_of(f"{own}/{path.relative_to(folder).as_posix()}")


def load_images(root: Path) -> Dataset:
    """Every image below a folder, raw or from cari-align; its person is the folder it lies in.

    Raises:
        DatasetError: The folder is missing or has no images.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder")
    if is_aligned(root):
        aligned = read_aligned(root)
        samples = [Sample(face.path, face.identity, face.modality) for face in aligned.faces]
        report = {f"raw files, {why}, left out": n for why, n in aligned.rejected.items()}
        found = Dataset("images", (), {}, {}, report, aligned.fingerprint, records=aligned.records)
        return _dataset(found, samples, report)
    samples, prints = [], []
    paths, refused = pictures(root, EXTENSIONS)
    for path in paths:
        name = path.relative_to(root).as_posix()
        modality = modality_below(root, path)
        samples.append(Sample(name, path.parent.name, modality, source=str(path)))
        prints.append((name, stamp(path)))
    if not samples:
        raise DatasetError(f"{root}: no images in it ({', '.join(sorted(EXTENSIONS))})")
    fingerprint = hashlib.sha256(repr((str(root), prints)).encode()).hexdigest()
    report = {f"folder left out: {line}": 1 for line in refused}
    return _dataset(Dataset("images", (), {}, {}, report, fingerprint), samples, report)


def load_pairs(images: Path, listed: PairList) -> tuple[Dataset, list[int]]:
    """The images of listed pairs.

    Args:
        images: A folder, raw or from cari-align; names are relative to it, and may lack an ending.
        listed: From `read_pair_list`.

    Returns:
        The dataset, with the pairs whose images are both there, and these pairs' positions in the
        list.

    Raises:
        DatasetError: The folder is missing, or has none of the pairs' images.
    """
    everything = load_images(images)
    by_name = {sample.path: sample for sample in everything.splits[SPLIT]}
    for sample in everything.splits[SPLIT]:
        by_name.setdefault(str(Path(sample.path).with_suffix("")), sample)
    pairs, positions = [], []
    for position, (first, second, same) in enumerate(listed.pairs):
        samples = [by_name.get(_tidy(name)) for name in (first, second)]
        if samples[0] is not None and samples[1] is not None:
            pairs.append(Pair(samples[0].path, samples[1].path, same))
            positions.append(position)
    if not pairs:
        missing = next(n for p in listed.pairs for n in p[:2] if _tidy(n) not in by_name)
        raise DatasetError(
            f"{images}: has the images of no listed pair; the first lacks {missing} (names are "
            "relative to the folder)"
        )
    report = dict(everything.report)
    if len(pairs) < len(listed.pairs):
        report["pairs with a missing image, left out"] = len(listed.pairs) - len(pairs)
    used = {path for pair in pairs for path in (pair.first, pair.second)}
    samples_used = [sample for sample in everything.splits[SPLIT] if sample.path in used]
    return _dataset(everything, samples_used, report, pairs={SPLIT: pairs}), positions


def _tidy(name: str) -> str:
    return os.path.normpath(name.replace("\\", "/"))


def _dataset(
    like: Dataset,
    samples: Iterable[Sample],
    report: dict[str, int],
    pairs: Optional[dict[str, list[Pair]]] = None,
) -> Dataset:
    chosen = list(samples)
    return replace(
        like,
        strangers=tuple(sorted({sample.identity for sample in chosen})),
        splits={SPLIT: chosen},
        pairs=pairs or {},
        report=report,
    )
