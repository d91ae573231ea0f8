"""Which files lie where: the layouts of raw folders, and every file below them, none left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from cari_keras.errors import AlignError
from cari_keras.images.names import (
    is_systems,
    modality_of_folder,
    one_spelling,
)
from cari_keras.images.walk import walk
from cari_keras.vocabulary import CARICATURE, PHOTO

Place = Optional[tuple[str, str]]  # identity, modality

#: Why a file is refused that lies where no layout puts pictures.
NOBODYS = "not in an identity's folder"

#: Why one is that lies beside the folders of the two modalities; the folder's name in brackets.
BESIDE = "in a folder that is neither photo/ nor caricature/"

#: CaVI's folders of pictures, in lower case -> modality.
CAVI_FOLDERS = {"real": PHOTO, "caricature": CARICATURE}


@dataclass(frozen=True)
class Entry:
    """One file, or folder that cannot be read, below the raw folder.

    Attributes:
        path: Relative to the raw folder, with forward slashes; bytes that are not UTF-8 as
            surrogates.
        identity: The person, or empty where the file lies in no person's folder.
        modality: `"photo"`, `"caricature"`, or empty likewise.
        refused: Why it is not looked into, from its place alone; empty for pictures to read.
    """

    path: str
    identity: str = ""
    modality: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Layout:
    """How one kind of raw folder is laid out.

    Attributes:
        name: As given to `--layout`.
        shape: The layout in one line.
        found: Whether a folder has this layout.
        roots: Its folders with pictures; bookkeeping beside them is not looked at.
        place: A file's parts below the raw folder to its identity and modality, or None.
        face_crops: Whether every picture shows one face that nearly fills it.
        landmarks: A picture's path to that of its landmarks, or None where there are none.
        bookkeeping: Folders of lists that the dataset's protocol needs, copied as they are.
    """

    name: str
    shape: str
    found: Callable[[Path], bool]
    roots: Callable[[Path], Sequence[Path]]
    place: Callable[[Sequence[str]], Place]
    face_crops: bool = False
    landmarks: Optional[Callable[[str], str]] = None
    bookkeeping: tuple[str, ...] = ()


def _place_in_modality(parts: Sequence[str]) -> Place:
    modality = modality_of_folder(parts[0])
    return (parts[1], modality) if len(parts) == 3 and modality else None


def _place_photo(parts: Sequence[str]) -> Place:
    return (parts[0], PHOTO) if len(parts) == 2 else None


def _place_cavi(parts: Sequence[str]) -> Place:
    modality = CAVI_FOLDERS.get(parts[1].lower())
    return (parts[2], modality) if len(parts) == 4 and modality else None


def _place_webcaricature(parts: Sequence[str]) -> Place:
    modality = {"C": CARICATURE, "P": PHOTO}.get(parts[-1][:1].upper())
    return (parts[1], modality) if len(parts) == 3 and modality else None


def _webcaricature_landmarks(path: str) -> str:
    _, identity, name = path.split("/")
    return f"FacialPoints/{identity}/{name.rpartition('.')[0] or name}.txt"


#: In the order in which they are looked for.
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "cavi",
            "RAW/CaVI_Dataset/{Real,Caricature}/<identity>/*",
            found=lambda raw: (raw / "CaVI_Dataset").is_dir(),
            roots=lambda raw: [raw / "CaVI_Dataset"],
            place=_place_cavi,
            face_crops=True,
            bookkeeping=("train-test-files",),
        ),
        Layout(
            "webcaricature",
            "RAW/OriginalImages/<name>/{C,P}00001.jpg",
            found=lambda raw: (raw / "OriginalImages").is_dir(),
            roots=lambda raw: [raw / "OriginalImages"],
            place=_place_webcaricature,
            landmarks=_webcaricature_landmarks,
            bookkeeping=("EvaluationProtocols",),
        ),
        Layout(
            "modalities",
            "RAW/{photo,caricature}/<identity>/*",
            found=lambda raw: any(modality_of_folder(name) for name in _folders(raw)),
            roots=lambda raw: [raw],
            place=_place_in_modality,
        ),
        Layout(
            "photos",
            "RAW/<identity>/* (photographs)",
            found=lambda raw: True,
            roots=lambda raw: [raw],
            place=_place_photo,
        ),
    )
}


def shapes(root: str = "RAW") -> str:
    """Every layout, for messages: `expected RAW/CaVI_Dataset/..., or ...`."""
    return "expected " + ", or ".join(
        layout.shape.replace("RAW", root) for layout in LAYOUTS.values()
    )


def elsewhere(root: Path) -> str:
    """Where a layout is instead that `root` does not have, for the end of a message, or empty.

    Looked at are the two folders above, and those directly below.
    """
    here = Path(os.path.abspath(root))  # noqa: PTH100 - the folders above as they are named
    below = [here / name for name in _folders(here)] if here.is_dir() else []
    for folder in (*here.parents[:2], *below):
        for layout in LAYOUTS.values():
            if layout.name != "photos" and holds(folder, layout):
                return f"; {folder} is in the layout {layout.name}: name that folder"
    return ""


def holds(folder: Path, layout: Layout) -> bool:
    """Whether a folder that nobody named is in a layout.

    A person's folder may have a `photo/` too, with pictures directly in it; that is none.
    """
    people = (_folders(folder / name) for name in _folders(folder) if modality_of_folder(name))
    return layout.found(folder) and (layout.name != "modalities" or any(people))


def _folders(raw: Path) -> list[str]:
    """Names of a folder's folders, a system's own left out; none where it cannot be read."""
    try:
        return sorted(e.name for e in os.scandir(raw) if e.is_dir() and not is_systems(e.name))
    except OSError:
        return []


def find_layout(raw: Path, name: str = "auto") -> Layout:
    """The layout of a raw folder.

    Args:
        raw: The folder.
        name: One of LAYOUTS, or `"auto"` for the first that fits.

    Raises:
        AlignError: The folder is missing or not in the named layout.
    """
    if not raw.is_dir():
        raise AlignError(f"{raw}: no such folder")
    if name == "auto":
        return next(layout for layout in LAYOUTS.values() if layout.found(raw))
    if not LAYOUTS[name].found(raw):
        raise AlignError(f"{raw}: not in the layout {name}, {LAYOUTS[name].shape}{elsewhere(raw)}")
    return LAYOUTS[name]


def list_entries(raw: Path, layout: Layout) -> list[Entry]:
    """Every file below the layout's folders, by path; links are followed as `walk` does.

    A person whose folders are named in several spellings has one of them in all entries.
    """
    found = []
    for root in layout.roots(raw):
        for path, refused in walk(str(root)):
            relative = os.path.relpath(path, raw).replace(os.sep, "/")
            parts = relative.split("/")
            place = None if refused else layout.place(parts)
            if place:
                found.append(Entry(relative, *place))
            else:
                found.append(Entry(relative, refused=refused or _nobodys(layout, parts)))
    spelling = one_spelling(entry.identity for entry in found if entry.identity)
    found = [
        replace(entry, identity=spelling[entry.identity]) if entry.identity else entry
        for entry in found
    ]
    return sorted(found, key=lambda entry: os.fsencode(entry.path))


def _nobodys(layout: Layout, parts: Sequence[str]) -> str:
    if layout.name == "modalities" and len(parts) > 1 and not modality_of_folder(parts[0]):
        return f"{BESIDE} ({parts[0]})"
    return NOBODYS
