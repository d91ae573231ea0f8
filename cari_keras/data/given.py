"""Any images to evaluate on, with nobody to train on, and lists of pairs of them."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import NamedTuple, Optional

from cari_keras.data.base import Dataset, Pair
from cari_keras.errors import DatasetError, quoted
from cari_keras.files import user_path
from cari_keras.images.names import modality_of_folder, one_spelling
from cari_keras.images.remarks import people_remarks
from cari_keras.images.walk import pictures, stamp
from cari_keras.records.aligned import is_aligned, read_aligned
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import CARICATURE, MODALITIES, PHOTO
from cari_keras.wording import counted

#: The one split of these datasets.
SPLIT = "test"

#: What they have in common; their images are looked at a single time.
_NOBODY = Dataset("images", (), {}, {}, once=True)


#: The third column of a line that is meant as a pair, if perhaps in another notation than 1 or 0.
_LIKE_A_LABEL = re.compile(r"[-+\d.]*|true|false|yes|no", re.IGNORECASE)


class PairList(NamedTuple):
    """Pairs as a file lists them.

    Attributes:
        pairs: First name, second name, same; names relative to the folder of images.
        folds: int per pair, from 0; None where the file has no folds.
    """

    pairs: list[tuple[str, str, bool]]
    folds: Optional[list[int]] = None


class Listed(NamedTuple):
    """Listed pairs with their images.

    Attributes:
        dataset: Its split `SPLIT` has the images and the pairs.
        folds: int for each of these pairs, from 0; None where the list has no folds.
    """

    dataset: Dataset
    folds: Optional[list[int]]


def read_pair_list(path: Path) -> PairList:
    """Reads a CSV of two paths and 1 or 0, or LFW's `pairs.txt` with its folds.

    LFW's first line gives the number of folds and of pairs of each kind in a fold (or the latter
    alone); then follow, for each fold, `Name 1 2` for `Name/Name_0001` and `Name/Name_0002`, and
    `Name 1 Other 2`.

    Raises:
        DatasetError: The file is missing, or a line is of another form.
    """
    try:
        text = user_path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path}: not text in UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DatasetError(f"{path}: empty; expected a CSV of two paths and 1 or 0")
    if re.fullmatch(r"\s*\d+(\s+\d+)?\s*", lines[0][1]):
        return _lfw(path, lines)
    pairs = []
    for position, (number, line) in enumerate(lines):
        try:
            (row,) = csv.reader([line], strict=True)
        except (csv.Error, ValueError) as error:
            raise DatasetError(f"{path}:{number}: not a line of a CSV ({error})") from error
        cells = [cell.strip() for cell in row]
        if position == 0 and len(cells) == 3 and not _LIKE_A_LABEL.fullmatch(cells[2]):
            continue  # titles
        if len(cells) != 3 or cells[2] not in ("0", "1"):
            raise DatasetError(f"{path}:{number}: expected path,path,1|0. Received: {line[:80]!r}")
        pairs.append((cells[0], cells[1], cells[2] == "1"))
    if not pairs:
        raise DatasetError(f"{path}: no pairs; expected a CSV of two paths and 1 or 0")
    return PairList(pairs)


def _lfw(path: Path, lines: list[tuple[int, str]]) -> PairList:
    header = [int(word) for word in lines[0][1].split()]
    folds, each = header if len(header) == 2 else (1, header[0])
    if not folds or not each or len(lines) - 1 != 2 * folds * each:
        raise DatasetError(
            f"{path}: {counted(folds, 'folds')} of 2 x {counted(each, 'pairs')} "
            f"announced, and the file has {counted(len(lines) - 1, 'lines')}; restore the "
            "missing lines, or correct the first one"
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
        if len(words) != 4 or not (words[1].isdecimal() and words[3].isdecimal()):
            raise DatasetError(
                f"{path}:{number}: expected Name 1 2 or Name 1 Other 2. Received: {line!r}"
            )
        first, second = (f"{n}/{n}_{int(i):04d}" for n, i in (words[:2], words[2:]))
        pairs.append((first, second, same))
        fold.append(position // (2 * each))
    return PairList(pairs, fold if folds > 1 else None)


def modality_of(name: str) -> str:
    """`caricature` where a folder in a file's name says so, else `photo`."""
    folders = map(modality_of_folder, name.split("/")[:-1])
    return CARICATURE if CARICATURE in folders else PHOTO


def modality_below(folder: Path, path: Path) -> str:
    """An image's modality, by the names of the folders that hold it."""
    own = Path(os.path.abspath(folder)).name  # noqa: PTH100 - not that of what a link leads to
    return modality_of(f"{own}/{path.relative_to(folder).as_posix()}")


def folder_of(path: Path) -> str:
    """The name of the folder that a picture lies in."""
    return path.parent.name


def load_images(root: Path, person_of: Callable[[Path], str] = folder_of) -> Dataset:
    """Every image below a folder, raw or from cari-align.

    Args:
        root: The folder.
        person_of: From a raw picture's path to its person's name, by default that of the folder it
            lies in. An aligned folder says itself who is on a picture.

    Raises:
        DatasetError: The folder is missing or has no images.
    """
    root = user_path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder")
    if is_aligned(root):
        aligned = read_aligned(root)
        samples = [Sample(face.path, face.identity, face.modality) for face in aligned.faces]
        report = {f"raw files left out: {why}": n for why, n in aligned.rejected.items()}
        return _dataset(
            replace(_NOBODY, fingerprint=aligned.fingerprint, records=aligned.records),
            samples,
            report,
        )
    found = pictures(root)
    if not found.paths:
        told = "; ".join(("", *found.lines()))
        raise DatasetError(f"{root}: no images in it{told}")
    samples, prints = [], []
    owners = [person_of(path) for path in found.paths]
    spelling = one_spelling(owners)
    for path, owner in zip(found.paths, owners):
        name, person = path.relative_to(root).as_posix(), spelling[owner]
        samples.append(Sample(name, person, modality_below(root, path), source=str(path)))
        prints.append((name, stamp(path)))
    fingerprint = hashlib.sha256(repr((str(root), prints)).encode()).hexdigest()
    people = {m: {s.identity for s in samples if s.modality == m} for m in MODALITIES}
    report = {**found.counts(), **people_remarks(spelling, people)}
    return _dataset(replace(_NOBODY, fingerprint=fingerprint), samples, report)


def load_pairs(
    images: Path, listed: PairList, person_of: Callable[[Path], str] = folder_of
) -> Listed:
    """The images of listed pairs.

    Args:
        images: A folder, raw or from cari-align; names are relative to it, and may lack an ending.
        listed: From `read_pair_list`.
        person_of: As for `load_images`.

    Returns:
        The dataset, with the pairs whose images are both there, and these pairs' folds.

    Raises:
        DatasetError: The folder is missing, or has none of the pairs' images, or two of one name.
    """
    everything = load_images(images, person_of)
    named = _by_name(everything.splits[SPLIT])
    pairs, folds = [], []
    for (first, second, same), fold in zip(listed.pairs, listed.folds or repeat(0)):
        found = [_one_of(named.get(_tidy(name), []), name, images) for name in (first, second)]
        if found[0] is not None and found[1] is not None:
            pairs.append(Pair(found[0], found[1], same))
            folds.append(fold)
    if not pairs:
        missing = next(n for p in listed.pairs for n in p[:2] if _tidy(n) not in named)
        raise DatasetError(
            f"{images}: holds both images of no listed pair; the first pair lacks "
            f"{quoted(missing)} (names are relative to the folder)"
        )
    report = dict(everything.report)
    if len(pairs) < len(listed.pairs):
        report["pairs with a missing image, left out"] = len(listed.pairs) - len(pairs)
    report.update(oddities(pairs))
    used = {path for pair in pairs for path in (pair.first, pair.second)}
    samples_used = [sample for sample in everything.splits[SPLIT] if sample.path in used]
    dataset = _dataset(everything, samples_used, report, pairs={SPLIT: pairs})
    return Listed(dataset, folds if listed.folds else None)


def oddities(pairs: Iterable[Pair]) -> dict[str, int]:
    """What is odd about listed pairs, all of which are taken as they are listed."""
    seen: dict[frozenset[str], list[bool]] = defaultdict(list)
    for pair in pairs:
        seen[frozenset((pair.first, pair.second))].append(pair.same)
    found = {
        "listed pairs of an image with itself": sum(len(s) for p, s in seen.items() if len(p) < 2),
        "pairs that are listed again": sum(len(s) - len(set(s)) for s in seen.values()),
        "pairs listed both as one person and as two": sum(
            len(set(said)) > 1 for said in seen.values()
        ),
    }
    return {kind: count for kind, count in found.items() if count}


def _by_name(samples: Iterable[Sample]) -> dict[str, list[str]]:
    """Names as lists may have them, with their ending or without -> the images of that name."""
    whole: dict[str, list[str]] = defaultdict(list)
    short: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        whole[_tidy(sample.path)].append(sample.path)
        short[_tidy(str(Path(sample.path).with_suffix("")))].append(sample.path)
    return {**short, **whole}


def _one_of(paths: list[str], name: str, images: Path) -> Optional[str]:
    """The image of a name, None where there is none."""
    if len(paths) > 1:
        raise DatasetError(
            f"{images}: {name} may mean {' or '.join(paths)}; write the whole name in the list"
        )
    return paths[0] if paths else None


def _tidy(name: str) -> str:
    """A name as names are compared: slashes alone, and one of Unicode's forms."""
    return unicodedata.normalize("NFC", os.path.normpath(name.replace("\\", "/")))


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
