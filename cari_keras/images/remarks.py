"""What is told of a folder's files: why some are not read, and what its people's names say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from cari_keras.images.kinds import is_picture
from cari_keras.images.layouts import BESIDE, NOBODYS, Entry, Layout
from cari_keras.images.names import several_spellings
from cari_keras.images.walk import NO_PICTURE, left_out
from cari_keras.vocabulary import MODALITIES
from cari_keras.wording import counted


def why_left_out(entry: Entry, root: Path) -> str:
    """Why a file is not read as a picture, in the words that reports count it by; empty if it is.

    Args:
        entry: The file.
        root: The folder that `list_entries` was given.
    """
    if entry.refused:
        return left_out(entry.refused)
    return "" if is_picture(root / entry.path) else left_out(NO_PICTURE)


def nothing_placed(entries: Iterable[Entry]) -> str:
    """That nothing lies where a layout has pictures, and what there is, for messages.

    Args:
        entries: Of which none has a modality.
    """
    others = Counter(entry.refused for entry in entries)
    misplaced = sum(n for why, n in others.items() if why.startswith((NOBODYS, BESIDE)))
    there = f"none of its {counted(misplaced, 'files')} lies" if misplaced else "no file lies"
    found = [f"{there} where a layout has pictures"]
    for why, count in others.items():
        if not why.startswith((NOBODYS, BESIDE)):
            found.append(counted(count, left_out(why)))
    return "; ".join(found)


def remarks(entries: Iterable[Entry], layout: Layout) -> dict[str, int]:
    """What is to be known of a folder's people, with numbers, see `people_remarks`.

    So are files that lie in folders of neither modality.
    """
    people: dict[str, set[str]] = {modality: set() for modality in MODALITIES}
    written, beside = set(), Counter[str]()
    for entry in entries:
        parts = entry.path.split("/")
        if entry.modality and (place := layout.place(parts)):
            written.add(place[0])
            people[entry.modality].add(entry.identity)
        elif entry.refused.startswith(BESIDE):
            beside[f"{parts[0]}/"] += 1
    found = people_remarks(written, people)
    if beside:
        names = ", ".join(sorted(beside)[:3]) + (", ..." if len(beside) > 3 else "")
        found[f"files in folders that are neither photo/ nor caricature/ ({names}), left out"] = (
            beside.total()
        )
    return found


def people_remarks(written: Iterable[str], people: Mapping[str, set[str]]) -> dict[str, int]:
    """What is to be known of people's names, with numbers.

    That several spellings were taken for one person, and that nobody has pictures of both
    modalities though there are both.

    Args:
        written: The names as folders have them.
        people: Modality -> the names that were taken.
    """
    found = {}
    if several := several_spellings(written):
        names = ", ".join(map(repr, next(iter(several.values()))))
        found[f"people with several spellings, each taken for one person (such as {names})"] = len(
            several
        )
    if all(people.get(m) for m in MODALITIES) and not set.intersection(*people.values()):
        of = " and ".join(f"{min(people[m])!r} of {m}s" for m in MODALITIES)
        found[
            "people have both photos and caricatures; do the folders have the same "
            f"names? (there is {of})"
        ] = 0
    return found
