"""People held out of a dataset, so that a network can be evaluated on people it has never seen.

The people are dealt to K folds by a hash of their names, and one of the folds is taken out of
everything that training looks at. One person under two spellings is one: by names that differ in
case or separators, or that share a picture and are nearly alike. Two people on one picture stay
two, and are in one fold.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Optional

from cari_keras.data.base import Dataset, check_trainable
from cari_keras.data.splits import drawn
from cari_keras.errors import CariError, DatasetError
from cari_keras.images.names import plain_name
from cari_keras.ranges import UnseenFold
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import UNKNOWN, UNSEEN

#: Names that share a picture and are more alike than this, of 1, are one person's.
ALIKE = 0.8


def deal(
    people: Iterable[str], folds: int, seed: int, sharing: Iterable[Sequence[str]] = ()
) -> list[tuple[str, ...]]:
    """Deals people to folds of nearly equal size.

    Args:
        people: Their names.
        folds: K.
        seed: Decides the deal.
        sharing: Names that share a picture, and go together as those of one spelling do.

    Returns:
        K tuples of names. Nobody is in two.

    Raises:
        DatasetError: There are fewer people than folds.
    """
    groups = _groups(sorted(people), sharing)
    if len(groups) < folds:
        raise DatasetError(
            f"{len(groups)} people are too few for {folds} folds; lower K in --unseen-fold k/K"
        )
    groups.sort(key=lambda group: drawn(plain_name(group[0]), seed))
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for place, group in enumerate(groups):
        dealt[place % folds] += group
    return [tuple(sorted(fold)) for fold in dealt]


def _groups(people: Sequence[str], sharing: Iterable[Sequence[str]]) -> list[list[str]]:
    """Names of one person together, each group sorted."""
    leader = {name: name for name in people}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    by_spelling: dict[str, list[str]] = defaultdict(list)
    for name in people:
        by_spelling[plain_name(name)].append(name)
    for names in [*by_spelling.values(), *sharing]:
        known = [find(name) for name in names if name in leader]
        for other in known[1:]:
            leader[find(other)] = find(known[0])
    groups: dict[str, list[str]] = defaultdict(list)
    for name in people:
        groups[find(name)].append(name)
    return [sorted(group) for group in groups.values()]


def hold_out(dataset: Dataset, fold: UnseenFold, seed: int) -> Dataset:
    """The dataset without the people of a fold, who become its split `unseen`.

    The split has all of these people's images, whichever split they were in; a person of several
    names has the first of them there. Nothing else of the dataset shows them: neither its training,
    validation and test images nor its pairs. The people of the split `unknown` are in no fold, and
    stay there unless they are one of the people held out.

    Args:
        dataset: The whole dataset.
        fold: Whom to take out.
        seed: Decides who is in which fold.

    Raises:
        DatasetError: There are too few people, or nobody is left to train on.
    """
    sharing = _sharing(dataset) if dataset.sharing is None else dataset.sharing
    dealt = deal(dataset.identities, fold.folds, seed, sharing)
    held = set(dealt[fold.number - 1])
    spelled = [names for names in sharing if _alike(names)]
    first_name = {n: group[0] for group in _groups(sorted(held), spelled) for n in group}
    also = {plain_name(name) for name in held}
    also |= {plain_name(n) for names in spelled if held & set(names) for n in names}
    splits = {
        split: [
            sample
            for sample in samples
            if sample.identity not in held
            and not (split == UNKNOWN and plain_name(sample.identity) in also)
        ]
        for split, samples in dataset.splits.items()
    }
    taken = {
        sample.path: replace(sample, identity=first_name[sample.identity])
        for split, samples in dataset.splits.items()
        if split != UNKNOWN
        for sample in samples
        if sample.identity in held
    }
    kept = {sample.path for samples in splits.values() for sample in samples}
    splits[UNSEEN] = [taken[path] for path in sorted(taken)]
    found = replace(
        dataset,
        identities=tuple(name for name in dataset.identities if name not in held),
        strangers=(
            *sorted(set(first_name.values())),
            *sorted({sample.identity for sample in splits.get(UNKNOWN, ())}),
        ),
        splits=splits,
        pairs={
            split: [pair for pair in pairs if pair.first in kept and pair.second in kept]
            for split, pairs in dataset.pairs.items()
        },
        crossed=(*dataset.crossed, UNSEEN),
        report={
            **dataset.report,
            f"people held out, as unseen fold {fold}": len(held),
            "images of people held out": len(taken),
        },
        whole=dataset,
    )
    try:
        check_trainable(found, f"{dataset.name} without unseen fold {fold}")
    except DatasetError as error:
        raise DatasetError(f"{error}; raise K in --unseen-fold k/K") from error
    return found


def _alike(names: Sequence[str]) -> bool:
    """Whether names look like spellings of one name, as `aravind` and `arvind` do."""
    first, *others = map(plain_name, names)
    return all(SequenceMatcher(None, first, other).ratio() > ALIKE for other in others)


def _sharing(dataset: Dataset) -> list[tuple[str, ...]]:
    """Names that share the bytes of a picture."""
    owners: dict[str, set[str]] = defaultdict(set)
    for samples in dataset.splits.values():
        for sample in samples:
            digest = _digest(dataset, sample)
            if digest is not None:
                owners[digest].add(sample.identity)
    return [tuple(sorted(names)) for names in owners.values() if len(names) > 1]


def _digest(dataset: Dataset, sample: Sample) -> Optional[str]:
    """A hash of a picture; None of one that is drawn or cannot be read."""
    try:
        if sample.source:
            return hashlib.sha256(Path(sample.source).read_bytes()).hexdigest()
        if dataset.records is not None:
            return hashlib.sha256(dataset.records.load(sample.path).tobytes()).hexdigest()
    except (OSError, CariError):
        return None
    return None


def same_people(held: Iterable[str], others: Iterable[str]) -> Mapping[str, str]:
    """Maps names of another collection to the held-out people whom they name."""
    known = {plain_name(name): name for name in held}
    return {name: known[plain_name(name)] for name in others if plain_name(name) in known}
