"""WebCaricature's protocol files, in every variant of them that is about.

Lines are `Name<TAB>caricatures<TAB>photos` (a subject), `Name<TAB>C00001` (an image),
`Name<TAB>C00001<TAB>P00001` (a matched pair) or `Name<TAB>C00039<TAB>Other<TAB>P00006` (a
mismatched one). Counts stand before a list or a fold, or do not; line ends are those of Windows or
not; some lines end in another tab; names hold spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Optional, TypeVar

from cari_keras.errors import DatasetError


class ImageName(NamedTuple):
    """An image: its person as `plain` writes names, and the file's name without its ending."""

    subject: str
    name: str


class Subject(NamedTuple):
    """A person and how many images of each kind the lists say there are."""

    name: str
    caricatures: int
    photos: int


class ListedPair(NamedTuple):
    """A pair to verify."""

    caricature: ImageName
    photo: ImageName
    same: bool


Line = TypeVar("Line", Subject, ImageName, ListedPair)

_FILE = r"([CP]\d+)(?:\.\w+)?"
#: A count; of pairs there may be two, of matched and of mismatched ones.
_COUNT = re.compile(r"(\d+)(?:\s+(\d+))?")
_SUBJECT = re.compile(r"(.+?)\s+(\d+)\s+(\d+)")
_IMAGE = re.compile(rf"(.+?)\s+{_FILE}", re.IGNORECASE)
_NAMED_LIKE_A_FILE = re.compile(r".*\s[CP]\d{5}", re.IGNORECASE)
_MATCHED = re.compile(rf"(.+?)\s+{_FILE}\s+{_FILE}", re.IGNORECASE)
_MISMATCHED = re.compile(rf"(.+?)\s+{_FILE}\s+(.+?)\s+{_FILE}", re.IGNORECASE)


def plain(name: str) -> str:
    """A person's name as it is compared: lists and folders differ in case, and in `_` for spaces.

    Example:
        >>> plain("Abraham_Lincoln") == plain(" abraham  lincoln")
        True
    """
    return " ".join(name.replace("_", " ").split()).lower()


def read_subjects(path: Path) -> list[Subject]:
    """Reads `FR_Train*.txt` or `UnRestrictedView1_*.txt`.

    Raises:
        DatasetError: The file is missing, a line is of another form, or a count is wrong.
    """
    return _read_one(path, _subject, "Name<TAB>caricatures<TAB>photos")


def read_subject_folds(path: Path) -> list[list[Subject]]:
    """Reads `UnRestrictedView2.txt`: its folds, each after its count.

    Raises:
        DatasetError: As for `read_subjects`, or nothing says where folds begin.
    """
    return _read_folds(path, _subject, "Name<TAB>caricatures<TAB>photos")


def read_images(path: Path) -> list[ImageName]:
    """Reads `FR_Gallery_*.txt` or `FR_Probe_*.txt`.

    Raises:
        DatasetError: The file is missing, a line is of another form, or a count is wrong.
    """
    return _read_one(path, _image, "Name<TAB>file")


def read_pairs(path: Path) -> list[ListedPair]:
    """Reads `RestrictedView1_*.txt`, whose count is that of matched and of mismatched pairs each.

    Raises:
        DatasetError: The file is missing, a line is of another form, or a count is wrong.
    """
    return _read_one(path, _pair, _PAIR_FORM)


def read_pair_folds(path: Path) -> list[list[ListedPair]]:
    """Reads `RestrictedView2.txt`: its folds.

    Without counts, a fold begins where a matched pair follows a mismatched one.

    Raises:
        DatasetError: As for `read_pairs`, or nothing says where folds begin.
    """
    folds = _read_folds(path, _pair, _PAIR_FORM, may_lack_counts=True)
    if len(folds) > 1:
        return folds
    split: list[list[ListedPair]] = []
    for before, pair in zip([None, *folds[0]], folds[0]):
        if before is None or (pair.same and not before.same):
            split.append([])
        split[-1].append(pair)
    return _at_least_two(split, path)


_PAIR_FORM = "Name<TAB>caricature<TAB>photo or Name<TAB>caricature<TAB>Name<TAB>photo"


def _subject(line: str) -> Optional[Subject]:
    found = _SUBJECT.fullmatch(line)
    return Subject(plain(found[1]), int(found[2]), int(found[3])) if found else None


def _image(line: str) -> Optional[ImageName]:
    found = _IMAGE.fullmatch(line)
    if not found or _NAMED_LIKE_A_FILE.fullmatch(found[1]):  # two files on one line
        return None
    return ImageName(plain(found[1]), found[2].upper())


def _pair(line: str) -> Optional[ListedPair]:
    found = _MATCHED.fullmatch(line)
    if found:
        images = [ImageName(plain(found[1]), found[i].upper()) for i in (2, 3)]
    else:
        found = _MISMATCHED.fullmatch(line)
        if not found:
            return None
        images = [ImageName(plain(found[i]), found[i + 1].upper()) for i in (1, 3)]
    caricature, photo = sorted(images, key=lambda image: image.name[0])
    if (caricature.name[0], photo.name[0]) != ("C", "P"):
        return None
    return ListedPair(caricature, photo, caricature.subject == photo.subject)


def _read_one(path: Path, parse: Callable[[str], Optional[Line]], form: str) -> list[Line]:
    groups = _groups(path, parse, form)
    if len(groups) > 1:
        raise DatasetError(f"{path}: {len(groups)} lists, each with a count; expected one")
    return groups[0]


def _read_folds(
    path: Path, parse: Callable[[str], Optional[Line]], form: str, may_lack_counts: bool = False
) -> list[list[Line]]:
    groups = _groups(path, parse, form)
    return groups if may_lack_counts else _at_least_two(groups, path)


def _at_least_two(folds: list[list[Line]], path: Path) -> list[list[Line]]:
    if len(folds) < 2:
        raise DatasetError(f"{path}: one fold; expected each fold's count on a line before it")
    return folds


def _groups(path: Path, parse: Callable[[str], Optional[Line]], form: str) -> list[list[Line]]:
    """The lists of a file, one after each count, or one without any."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    groups: list[list[Line]] = []
    counts: list[tuple[int, int]] = []  # each group's count and the number of its line
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line:
            continue
        if header := _COUNT.fullmatch(line):
            if not int(header[1]) or header[2] not in (None, header[1]):
                raise DatasetError(
                    f"{path}:{number}: a count must be positive, and as many matched as mismatched "
                    f"pairs. Received: {line!r}"
                )
            counts.append((int(header[1]), number))
            groups.append([])
            continue
        row = parse(line)
        if row is None:
            raise DatasetError(f"{path}:{number}: expected {form}. Received: {line!r}")
        if not groups:
            groups.append([])
        groups[-1].append(row)
    if len(groups) > 1 and not groups[0] and counts[0][0] == len(groups) - 1:
        groups, counts = groups[1:], counts[1:]  # a first line with the number of folds
    if not any(groups):
        raise DatasetError(f"{path}: empty; expected {form}")
    groups, counts = _joined_halves(groups, counts)
    for group, (count, number) in zip(groups, counts if len(counts) == len(groups) else ()):
        matched = sum(isinstance(row, ListedPair) and row.same for row in group)
        if group and isinstance(group[0], ListedPair):
            # The count is that of the matched pairs, and as many mismatched ones follow.
            if (matched, len(group)) != (count, 2 * count):
                raise DatasetError(
                    f"{path}:{number}: {count} matched and as many mismatched pairs "
                    f"announced, and {matched} and {len(group) - matched} follow; "
                    f"{_REMEDY}"
                )
        elif len(group) != count:
            raise DatasetError(
                f"{path}:{number}: {count} announced, and {len(group)} follow; {_REMEDY}"
            )
    return groups


def _joined_halves(
    groups: list[list[Line]], counts: list[tuple[int, int]]
) -> tuple[list[list[Line]], list[tuple[int, int]]]:
    """Lists of pairs with a count before the matched and before the mismatched half, made one."""
    kinds = [{isinstance(row, ListedPair) and row.same for row in group} for group in groups]
    pairs = all(isinstance(row, ListedPair) for group in groups for row in group)
    if not pairs or kinds != [{True}, {False}] * (len(groups) // 2):
        return groups, counts
    return [one + other for one, other in zip(groups[::2], groups[1::2])], counts[::2]


_REMEDY = "restore the missing lines, or correct the count"
