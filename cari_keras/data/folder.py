"""Any pictures laid out as ROOT/{photo,caricature}/<identity>/*, split by a seed.

The two folders may be called `Photos/`, `Caricatures/` and the like. Where ROOT has neither,
ROOT/<identity>/* are photographs: the layout of the large sets of faces that networks are
pretrained on.

ROOT/strangers/{photo,caricature}/<identity>/*, where it is there, are people whom a network is not
trained on and should not know: exports take from them when to say that a face is unknown.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cari_keras.data.base import MOVED, Dataset, check_trainable
from cari_keras.data.splits import by_hash, draw_pairs, split_groups
from cari_keras.errors import DatasetError
from cari_keras.files import user_path
from cari_keras.images.layouts import (
    BESIDE,
    LAYOUTS,
    Entry,
    elsewhere,
    find_layout,
    list_entries,
    shapes,
)
from cari_keras.images.names import plain_name
from cari_keras.images.remarks import people_remarks, remarks, why_left_out
from cari_keras.images.walk import stamp
from cari_keras.records.aligned import is_aligned, read_aligned
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import MODALITIES, UNKNOWN
from cari_keras.wording import counts_behind

EXPECTED = shapes("ROOT")
STRANGERS = "strangers"


def load(
    data_dir: str, *, seed: int = 0, validation_fraction: float = 0.2, pairs_per_image: int = 10
) -> Dataset:
    """Reads a folder dataset.

    Each identity's images of each modality are split on their own, so that both splits have the
    same identities; an identity with one image of a modality keeps it for training.

    Args:
        data_dir: The folder with `photo/` and `caricature/`, or with identities of photographs.
        seed: Decides the split and the pairs.
        validation_fraction: The share of each identity's images that goes to validation.
        pairs_per_image: How many verification pairs are drawn per validation caricature, or photo
            where there are no caricatures.

    A folder that cari-align wrote is read as it was laid out when it was raw.

    Raises:
        DatasetError: The folder is missing, holds no images or only one identity, or a stranger
            has an identity's name.
    """
    root = user_path(data_dir)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; {EXPECTED}; {MOVED}")
    report: Counter[str] = Counter()
    records = None
    strangers: list[Sample] = []
    if is_aligned(root):
        aligned = read_aligned(root)
        records, fingerprint = aligned.records, aligned.fingerprint
        report.update({f"raw files left out: {why}": n for why, n in aligned.rejected.items()})
        samples = [Sample(face.path, face.identity, face.modality) for face in aligned.faces]
        of = {m: {s.identity for s in samples if s.modality == m} for m in MODALITIES}
        report.update(people_remarks([], of))
    else:
        samples, strangers = _list_everybody(root, report)
        prints = repr([(sample.path, stamp(Path(sample.source))) for sample in samples + strangers])
        fingerprint = hashlib.sha256(prints.encode()).hexdigest()
    splits = split_groups(samples, validation_fraction, partial(by_hash, seed=seed))
    identities = {sample.identity for sample in samples}
    plain = {plain_name(name) for name in identities}
    if known := sorted(s.identity for s in strangers if plain_name(s.identity) in plain):
        raise DatasetError(
            f"{root / STRANGERS}: {known[0]} is an identity of {root} and cannot be a "
            "stranger too; remove the folder from one of the two"
        )
    if strangers:
        splits[UNKNOWN] = strangers
    dataset = Dataset(
        name="folder",
        identities=tuple(sorted(identities)),
        strangers=tuple(sorted({sample.identity for sample in strangers})),
        splits=splits,
        pairs={"validation": draw_pairs(splits["validation"], pairs_per_image, seed)},
        report=dict(report),
        fingerprint=fingerprint,
        records=records,
    )
    check_trainable(dataset, str(root))
    return dataset


def _list_everybody(root: Path, report: Counter[str]) -> tuple[list[Sample], list[Sample]]:
    """The pictures of a raw folder, and of people not to know; what else is there is counted.

    The names of the latter begin with their folder's.
    """
    layout = find_layout(root)
    if layout.name not in ("modalities", "photos"):
        raise DatasetError(
            f"{root}: in the layout {layout.name}, {layout.shape}; use --dataset {layout.name}"
        )
    folder = root / STRANGERS
    apart = folder.is_dir() and find_layout(folder).name == "modalities"
    entries = [
        entry
        for entry in list_entries(root, layout)
        if not (apart and entry.path.startswith(f"{STRANGERS}/"))
    ]
    samples = _pictures(root, entries, report)
    if not samples:
        where = layout.shape.replace("RAW", str(root))
        raise DatasetError(
            f"{root}: no images in {where}{counts_behind(report)}; {EXPECTED}{elsewhere(root)}"
        )
    kept = {sample.path for sample in samples}
    report.update(remarks([e for e in entries if e.refused or e.path in kept], layout))
    if not apart:
        return samples, []
    others = list_entries(folder, LAYOUTS["modalities"])
    strangers = _pictures(folder, others, report)
    return samples, [replace(sample, path=f"{STRANGERS}/{sample.path}") for sample in strangers]


def _pictures(root: Path, entries: Sequence[Entry], report: Counter[str]) -> list[Sample]:
    """Those of some files that are pictures of somebody's, photos first; the others are counted."""
    samples = []
    for entry in entries:
        if entry.refused.startswith(BESIDE):
            continue  # told by their folders' names
        if why := why_left_out(entry, root):
            report[why] += 1
            continue
        source = str(root / entry.path)
        samples.append(Sample(entry.path, entry.identity, entry.modality, source=source))
    samples.sort(key=lambda sample: (sample.modality != MODALITIES[0], sample.path))
    return samples
