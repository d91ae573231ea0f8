"""Photos and sketches, laid out as CUFS (Wang and Tang, 2009) is: one of each for a person."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Optional

from cari_keras.data.base import Dataset
from cari_keras.data.given import SPLIT, Listed
from cari_keras.data.judged.base import Judged
from cari_keras.errors import DatasetError
from cari_keras.images.names import one_spelling, plain_name
from cari_keras.images.walk import pictures, stamp
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import CARICATURE, PHOTO

#: A folder's name as `plain_name` gives it -> the modality it holds. Here alone a sketch is what
#: the package calls a caricature: elsewhere a folder of sketches may be anything.
FOLDERS = {
    **dict.fromkeys(("photo", "photos", "photograph", "photographs"), PHOTO),
    **dict.fromkeys(("sketch", "sketches", "drawing", "drawings"), CARICATURE),
}

#: What the name of a picture has behind the person's, as `f-005-01-sz1.jpg` beside `f-005-01.jpg`.
_ENDING = re.compile(r"[-_ ](sz\d*|sketch|photo)$", re.IGNORECASE)


def load(root: Path, images: Optional[Path] = None) -> Judged:
    """Reads `ROOT/{photos,sketches}/<person>.*`, or `ROOT/{photos,sketches}/<person>/*`.

    Names of a person's photo and sketch are alike but for case, dashes, dots and an ending `-sz1`,
    `_sketch` or `_photo`. Pictures of people with one modality alone are left out, and counted.

    Args:
        root: The folder.
        images: In its place, likewise laid out.

    Raises:
        DatasetError: A folder is missing, or nobody has both a photo and a sketch.
    """
    root = images or root
    folders = {
        entry: FOLDERS[plain_name(entry.name)]
        for entry in sorted(root.iterdir())
        if entry.is_dir() and plain_name(entry.name) in FOLDERS
    }
    if set(folders.values()) != {PHOTO, CARICATURE}:
        raise DatasetError(
            f"{root}: expected ROOT/photos/<person>.* and ROOT/sketches/<person>.*, or a folder "
            "for each person in both"
        )
    samples, prints = [], []
    report: Counter[str] = Counter()
    for folder, modality in folders.items():
        found = pictures(folder)
        report.update(found.counts())
        for path in found.paths:
            samples.append(
                Sample(
                    path.relative_to(root).as_posix(),
                    _person(path.relative_to(folder)),
                    modality,
                    source=str(path),
                )
            )
            prints.append((samples[-1].path, stamp(path)))
    spelling = one_spelling(sample.identity for sample in samples)
    samples = [replace(sample, identity=spelling[sample.identity]) for sample in samples]
    shown = [{s.identity for s in samples if s.modality == m} for m in (PHOTO, CARICATURE)]
    both = shown[0] & shown[1]
    if not both:
        raise DatasetError(
            f"{root}: nobody has both a photo and a sketch; name both files after the "
            "person (a sketch may add -sz1)"
        )
    left = sum(sample.identity not in both for sample in samples)
    if left:
        report["pictures of people without the other modality, left out"] = left
    dataset = Dataset(
        "sketches",
        (),
        {SPLIT: [sample for sample in samples if sample.identity in both]},
        {},
        report=dict(report),
        fingerprint=hashlib.sha256(repr((str(root), prints)).encode()).hexdigest(),
        strangers=tuple(sorted(both)),
        crossed=(SPLIT,),
        once=True,
    )
    note = "Sketches are called caricatures here: C2P looks for them among the photos."
    return Judged(f"Sketches and photos of {root.resolve().name}", Listed(dataset, None), (note,))


def _person(path: Path) -> str:
    """Whose picture it is, by its path below the modality's folder."""
    return path.parts[0] if len(path.parts) > 1 else _ENDING.sub("", path.stem)
