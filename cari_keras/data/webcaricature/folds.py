"""Who is trained on and who evaluated in each fold of WebCaricature's protocols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, TypeVar

from cari_keras.data.webcaricature.lists import (
    ImageName,
    ListedPair,
    Subject,
    read_images,
    read_pair_folds,
    read_pairs,
    read_subject_folds,
    read_subjects,
)
from cari_keras.errors import DatasetError
from cari_keras.files import user_path
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import DEV

#: The number of view 2's folds.
VIEW_2 = 10

Listed = TypeVar("Listed", Subject, ListedPair)


class FoldLists(NamedTuple):
    """What a protocol's fold asks for, in the words of the lists.

    Attributes:
        train: Images to train on.
        evaluated: Images to evaluate on.
        train_pairs: Pairs to take thresholds from; None: every caricature with every photo.
        pairs: Pairs to verify, likewise.
        galleries: Name to gallery and probes.
    """

    train: list[ImageName]
    evaluated: list[ImageName]
    train_pairs: Optional[list[ListedPair]] = None
    pairs: Optional[list[ListedPair]] = None
    galleries: Mapping[str, tuple[list[ImageName], list[ImageName]]] = {}


def folds_of(data_dir: str, protocol: str) -> list[str]:
    """The folds of view 2 that a data folder has for a protocol, `"1"` onwards.

    Raises:
        DatasetError: The protocol's lists are missing or malformed.
    """
    lists = user_path(data_dir) / "EvaluationProtocols"
    if protocol == "identification":
        path, count = lists / "FaceIdentification", 0
        while (lists / "FaceIdentification" / f"FR_Train{count + 1}.txt").is_file():
            count += 1
        if not count:
            raise DatasetError(f"{lists / 'FaceIdentification' / 'FR_Train1.txt'}: no such file")
    elif protocol == "restricted":
        path = lists / _RESTRICTED / "RestrictedView2.txt"
        count = len(read_pair_folds(path))
    else:
        path = lists / _UNRESTRICTED / "UnRestrictedView2.txt"
        count = len(read_subject_folds(path))
    if count > VIEW_2:
        raise DatasetError(f"{path}: {count} folds; view 2 has {VIEW_2}")
    return [str(k + 1) for k in range(count)]


_RESTRICTED = Path("FaceVerification") / "Restricted"
_UNRESTRICTED = Path("FaceVerification") / "UnRestricted"
Known = Mapping[ImageName, Sample]


def _unrestricted(lists: Path, fold: str, known: Known, report: Counter[str]) -> FoldLists:
    stem = lists / _UNRESTRICTED / "UnRestricted"
    train, test = _parts(stem, fold, read_subjects, read_subject_folds)
    return FoldLists(_of_subjects(train, known, report), _of_subjects(test, known, report))


def _restricted(lists: Path, fold: str, known: Known, report: Counter[str]) -> FoldLists:
    stem = lists / _RESTRICTED / "Restricted"
    train, test = _parts(stem, fold, read_pairs, read_pair_folds)
    return FoldLists(_in_pairs(train), _in_pairs(test), train, test)


def _identification(lists: Path, fold: str, known: Known, report: Counter[str]) -> FoldLists:
    folder = lists / "FaceIdentification"
    suffix = "_dev" if fold == DEV else fold
    train = _of_subjects(read_subjects(folder / f"FR_Train{suffix}.txt"), known, report)
    galleries = {}
    for name in ("C2P", "P2C"):
        gallery = read_images(folder / name / f"FR_Gallery_{name}{suffix}.txt")
        galleries[name] = gallery, read_images(folder / name / f"FR_Probe_{name}{suffix}.txt")
    evaluated = [image for pair in galleries.values() for images in pair for image in images]
    return FoldLists(train, list(dict.fromkeys(evaluated)), galleries=galleries)


#: Protocol -> what its fold asks for.
FOLDS_OF = {
    "unrestricted": _unrestricted,
    "restricted": _restricted,
    "identification": _identification,
}


def _parts(
    stem: Path,
    fold: str,
    read: Callable[[Path], list[Listed]],
    read_folds: Callable[[Path], list[list[Listed]]],
) -> tuple[list[Listed], list[Listed]]:
    """What to train on and what to evaluate: view 1's two lists, or nine folds of view 2 and one.

    Args:
        stem: The lists' path, up to `View1_DevTrain.txt` and so on.
        fold: `"dev"` or a number.
        read: Reads a list of view 1.
        read_folds: Reads the folds of view 2.
    """
    if fold == DEV:
        train = read(stem.with_name(f"{stem.name}View1_DevTrain.txt"))
        return train, read(stem.with_name(f"{stem.name}View1_DevTest.txt"))
    path, number = stem.with_name(f"{stem.name}View2.txt"), int(fold)
    folds = read_folds(path)
    if not 1 <= number <= len(folds):
        raise DatasetError(f"{path}: {len(folds)} folds; --fold {fold} is not one of them")
    others = folds[: number - 1] + folds[number:]
    return [row for group in others for row in group], folds[number - 1]


def _of_subjects(
    subjects: Sequence[Subject], known: Known, report: Counter[str]
) -> list[ImageName]:
    """All images of some people; whose number is not the lists' is counted."""
    of: dict[str, list[ImageName]] = {subject.name: [] for subject in subjects}
    for image in known:
        if image.subject in of:
            of[image.subject].append(image)
    for subject in subjects:
        found = Counter(image.name[0] for image in of[subject.name])
        if (found["C"], found["P"]) != (subject.caricatures, subject.photos):
            report["people whose number of images differs from the lists'"] += 1
    return [image for images in of.values() for image in sorted(images)]


def _in_pairs(pairs: Iterable[ListedPair]) -> list[ImageName]:
    return sorted({image for pair in pairs for image in (pair.caricature, pair.photo)})
