"""CFP (Sengupta et al., 2016): frontal against frontal, in ten splits.

The official lists number the pictures: `Protocol/Pair_list_F.txt` has `number path`, and
`Protocol/Split/FF/<01 to 10>/{same,diff}.txt` have pairs of numbers. Where `Protocol` is not there,
ten splits of the same make are drawn by a seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from cari_keras.data.given import SPLIT, PairList, load_images, load_pairs
from cari_keras.data.judged.base import Judged
from cari_keras.data.unseen import deal
from cari_keras.errors import DatasetError
from cari_keras.wording import counted

PROTOCOL = "Protocol"

SPLITS = 10

#: Pairs of each kind for each person, of CFP's: 350 of each kind in a split of 50 people.
EACH = 7

FRONTAL = "frontal"


def load(root: Path, images: Optional[Path] = None, *, seed: int = 0) -> Judged:
    """Reads CFP's frontal pictures and their ten splits.

    Args:
        root: `ROOT/Data/Images/<number>/frontal/*.jpg`, as published, or `ROOT/<number>/*.jpg`;
            with `ROOT/Protocol`, or without.
        images: Where the images are, if not there, as `<number>/*`.
        seed: Decides the splits where `ROOT/Protocol` is not there.

    Raises:
        DatasetError: A list is missing or malformed, no image of the pairs is there, or there are
            too few people to draw pairs from.
    """
    published = root / "Data" / "Images"
    own = published if published.is_dir() else root
    folder = images or own
    if (root / PROTOCOL).is_dir():
        listed = _official(root / PROTOCOL, whole=folder == published)
        return Judged("CFP, frontal-frontal", load_pairs(folder, listed, _person_of))
    listed = _drawn(own, seed)  # whatever cari-align found of them
    note = (
        f"{root / PROTOCOL} is not there: {counted(SPLITS, 'splits')} were drawn by the seed "
        f"{seed}, with {EACH} pairs of each kind a person, as CFP's have. They compare networks "
        "with each other, not with published figures."
    )
    return Judged("CFP, frontal-frontal, drawn", load_pairs(folder, listed, _person_of), (note,))


def _person_of(path: Path) -> str:
    """CFP's number of a person: the folder's, or that of the folder above `frontal`."""
    return path.parent.parent.name if path.parent.name == FRONTAL else path.parent.name


def _official(protocol: Path, *, whole: bool) -> PairList:
    """The published pairs; `whole` where names have the folder `frontal`, as published."""
    pictures = protocol / "Pair_list_F.txt"
    names: dict[str, str] = {}
    for where, words in _lines(pictures, None, 2, "number path"):
        parts = words[1].replace("\\", "/").split("/")
        if len(parts) < 3 or parts[-2] != FRONTAL:
            raise DatasetError(f"{where}: expected .../<person>/frontal/<picture>")
        names[words[0]] = "/".join([parts[-3], *([FRONTAL] if whole else []), parts[-1]])
    pairs, folds = [], []
    for fold in range(SPLITS):
        for kind, same in (("same", True), ("diff", False)):
            path = protocol / "Split" / "FF" / f"{fold + 1:02d}" / f"{kind}.txt"
            for where, words in _lines(path, ",", 2, "number,number"):
                missing = next((word for word in words if word not in names), None)
                if missing is not None:
                    raise DatasetError(f"{where}: {pictures} has no picture {missing}")
                pairs.append((names[words[0]], names[words[1]], same))
                folds.append(fold)
    return PairList(pairs, folds)


def _lines(
    path: Path, separator: Optional[str], words: int, form: str
) -> Iterator[tuple[str, list[str]]]:
    """Where each line is, and its words.

    Raises:
        DatasetError: The file cannot be read, or a line is of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path}: cannot be read ({error}); take CFP's {PROTOCOL} folder as it was published"
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        found = [word.strip() for word in line.split(separator)]
        if not line.strip():
            continue
        if len(found) != words:
            raise DatasetError(f"{path}:{number}: expected {form}. Received: {line[:80]!r}")
        yield f"{path}:{number}", found


def _drawn(folder: Path, seed: int) -> PairList:
    """Ten splits of people, with pairs of each kind within each."""
    everything = load_images(folder, _person_of)
    pictures: dict[str, list[str]] = defaultdict(list)
    for sample in everything.splits[SPLIT]:
        if "/profile/" not in f"/{sample.path}":
            pictures[sample.identity].append(sample.path)
    several = sorted(person for person, names in pictures.items() if len(names) > 1)
    if len(several) < 2 * SPLITS:
        raise DatasetError(
            f"{folder}: {counted(len(several), 'people')} with two frontal pictures; "
            f"{counted(SPLITS, 'splits')} need {2 * SPLITS}, as ROOT/<number>/*.jpg"
        )
    pairs: list[tuple[str, str, bool]] = []
    folds: list[int] = []
    for fold, people in enumerate(deal(several, SPLITS, seed)):
        rng = np.random.default_rng([seed, fold])
        found = [*_genuine(people, pictures, rng), *_impostors(people, pictures, rng)]
        pairs += found
        folds += [fold] * len(found)
    return PairList(pairs, folds)


def _genuine(
    people: Sequence[str], pictures: dict[str, list[str]], rng: np.random.Generator
) -> Iterator[tuple[str, str, bool]]:
    """`EACH` pairs of two pictures of each person, or as many as there are."""
    for person in people:
        first, second = np.triu_indices(len(pictures[person]), 1)
        for k in rng.permutation(len(first))[:EACH].tolist():
            yield pictures[person][first[k]], pictures[person][second[k]], True


def _impostors(
    people: Sequence[str], pictures: dict[str, list[str]], rng: np.random.Generator
) -> Iterator[tuple[str, str, bool]]:
    """`EACH` pairs of each person's pictures with other people's of the split, none twice."""
    seen: set[frozenset[str]] = set()
    for person in people:
        others = [name for other in people if other != person for name in pictures[other]]
        own = pictures[person]
        taken = 0
        for k in rng.permutation(len(own) * len(others)).tolist():
            first, second = own[k // len(others)], others[k % len(others)]
            if frozenset((first, second)) in seen:
                continue
            seen.add(frozenset((first, second)))
            yield first, second, False
            taken += 1
            if taken == EACH:
                break
