"""Any pictures laid out as ROOT/{photo,caricature}/<identity>/*, split by a seed.

Where ROOT has neither of the two folders, ROOT/<identity>/* are photographs: the layout of the
large sets of faces that networks are pretrained on.

ROOT/strangers/{photo,caricature}/<identity>/*, where it is there, are people whom a network is not
trained on and should not know: exports take from them when to say that a face is unknown.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Optional

import numpy as np

from cari_keras.data.aligned import is_aligned, read_aligned
from cari_keras.data.base import (
    CARICATURE,
    MODALITIES,
    MOVED,
    PHOTO,
    UNKNOWN,
    Dataset,
    Pair,
    Sample,
    check_trainable,
)
from cari_keras.data.walk import walk
from cari_keras.errors import DatasetError

LAYOUT = "expected ROOT/{photo,caricature}/<identity>/*, or photographs in ROOT/<identity>/*"
STRANGERS = "strangers"
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


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
    root = Path(data_dir)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; {LAYOUT}; {MOVED}")
    report: Counter[str] = Counter()
    records = None
    strangers: list[Sample] = []
    if is_aligned(root):
        aligned = read_aligned(root)
        records, fingerprint = aligned.records, aligned.fingerprint
        report.update({f"raw files, {why}": n for why, n in aligned.rejected.items()})
        samples = [Sample(face.path, face.identity, face.modality) for face in aligned.faces]
    else:
        samples, strangers = _list_samples(root, report), _list_strangers(root, report)
        prints = repr([(sample.path, stamp(Path(sample.source))) for sample in samples + strangers])
        fingerprint = hashlib.sha256(prints.encode()).hexdigest()
    splits = split_groups(samples, validation_fraction, partial(by_hash, seed=seed))
    identities = {sample.identity for sample in samples}
    if known := sorted(identities & {sample.identity for sample in strangers}):
        raise DatasetError(
            f"{root / STRANGERS}: {known[0]} is no stranger but an identity of {root}"
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


def _list_samples(root: Path, report: Counter[str]) -> list[Sample]:
    """The pictures of a raw folder; what else lies there is counted."""
    trees = {modality: root / modality for modality in MODALITIES if (root / modality).is_dir()}
    if not trees:
        trees = {PHOTO: root}
    samples: list[Sample] = []
    for modality, tree in trees.items():
        for name, refused in walk(str(tree)):
            path = Path(name)
            if refused:
                report[f"{refused.split(' (')[0]}, left out"] += 1
                continue
            parts = path.relative_to(tree).parts
            if len(parts) != 2:
                report["files not directly in an identity's folder, left out"] += 1
            elif path.suffix.lower() not in EXTENSIONS:
                report["files that are not images, left out"] += 1
            else:
                shown = path.relative_to(root).as_posix()
                samples.append(Sample(shown, parts[0], modality, source=name))
    samples.sort(key=lambda sample: (sample.modality != MODALITIES[0], sample.path))
    if not samples:
        where = " or ".join(f"{tree}/<identity>/" for tree in trees.values())
        raise DatasetError(f"{root}: no images in {where}; {LAYOUT}")
    return samples


def _list_strangers(root: Path, report: Counter[str]) -> list[Sample]:
    """The pictures of people not to know; their names begin with the folder's."""
    folder = root / STRANGERS
    if not folder.is_dir() or not any((root / modality).is_dir() for modality in MODALITIES):
        return []
    found = _list_samples(folder, report)
    return [replace(sample, path=f"{STRANGERS}/{sample.path}") for sample in found]


def stamp(path: Path) -> Optional[tuple[int, int]]:
    """Size and time of change of a file, None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def split_groups(
    samples: list[Sample], fraction: float, ordered: Callable[[list[Sample]], list[Sample]]
) -> dict[str, list[Sample]]:
    """Splits each (identity, modality) group on its own: `train` and `validation`.

    Args:
        samples: The images.
        fraction: The share of each group that goes to validation, rounded; not all of it.
        ordered: Puts a group, which comes by path, into the order whose beginning is held out.
    """
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: s.path):
        groups.setdefault((sample.identity, sample.modality), []).append(sample)
    splits: dict[str, list[Sample]] = {"train": [], "validation": []}
    for key in sorted(groups):
        group = ordered(groups[key])
        held_out = min(round(fraction * len(group)), len(group) - 1)
        splits["validation"] += group[:held_out]
        splits["train"] += group[held_out:]
    return splits


def by_hash(group: list[Sample], seed: int) -> list[Sample]:
    """By a hash of seed and path.

    A picture that comes or goes changes nothing for other people then, and for its own group the
    split of one other picture at most.
    """

    def drawn(sample: Sample) -> bytes:
        text = f"{seed} {sample.path}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

    return sorted(group, key=drawn)


def draw_pairs(samples: list[Sample], per_image: int, seed: int) -> list[Pair]:
    """Draws genuine and impostor caricature-photo pairs, half and half, without repeats.

    For every caricature: up to `per_image // 2` photos of the same person, and as many photos of
    other people, both uniformly at random. Without any caricature, the same for every photo, with
    the photos before it, so that no pair comes twice.
    """
    rng = np.random.default_rng([seed, 1])
    photos = [sample for sample in samples if sample.modality == PHOTO]
    caricatures = [sample for sample in samples if sample.modality == CARICATURE]
    owner = np.array([sample.identity for sample in photos])
    pairs = []
    for position, sample in enumerate(caricatures or photos):
        known = owner if caricatures else owner[:position]
        genuine = np.flatnonzero(known == sample.identity)
        impostor = np.flatnonzero(known != sample.identity)
        count = min(per_image // 2, len(genuine), len(impostor))
        for candidates, same in ((genuine, True), (impostor, False)):
            for index in rng.choice(candidates, count, replace=False) if count else ():
                pairs.append(Pair(sample.path, photos[index].path, same))
    return pairs
