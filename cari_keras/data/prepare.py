"""Prepares a dataset once: every image decoded, resized, and written into TFRecord shards.

The result is cached in a folder named by the content of the request (the dataset's files and
settings, image size, schema). Shards are written atomically, one by one, so an interrupted
preparation goes on where it stopped. Where a dataset's images are records already, they are left
where they are, and only their places are taken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from cari_keras.data.base import Dataset
from cari_keras.data.combined import UNREADABLE, in_place, of_the_same, with_others, without_people
from cari_keras.data.encoder import Encoder
from cari_keras.data.prepared import Prepared
from cari_keras.errors import DatasetError
from cari_keras.files import atomic_path, cache_name, cache_place, usable_cache, write_json
from cari_keras.images.decode import DECODING, may_be_readable_later
from cari_keras.images.encode import JPEG_QUALITY
from cari_keras.process import usable_cores
from cari_keras.progress import Progress
from cari_keras.records.aligned import AlignedRecords
from cari_keras.records.sample import Sample
from cari_keras.records.shards import SHARD_SIZE, Places, shard_names, write_shard
from cari_keras.vocabulary import MODALITIES


def prepare(
    dataset: Dataset,
    image_size: int,
    *,
    cache_dir: Optional[Union[str, Path]] = None,
    workers: Optional[int] = None,
    progress: bool = True,
) -> Prepared:
    """Writes what is missing of the dataset's records, and reads their index.

    Args:
        dataset: What to prepare.
        image_size: Side of the stored square images, in pixels.
        cache_dir: Where prepared datasets live; the per-user cache by default.
        workers: Processes; as many as cores by default.
        progress: Whether to show a progress bar on standard error.

    Raises:
        DatasetError: No training image could be read.
    """
    how: dict[str, Any] = {"cache_dir": cache_dir, "workers": workers, "progress": progress}
    if dataset.beside is not None:
        faces = prepare(replace(dataset, beside=None), image_size, **how)
        return with_others(faces, prepare(dataset.beside, faces.image_size, **how))
    if dataset.instead is not None:
        own = prepare(replace(dataset, instead=None), image_size, **how)
        others = of_the_same(dataset, dataset.instead)
        if not any(others.splits.values()):
            return own
        return in_place(own, prepare(others, own.image_size, **how), dataset)
    if dataset.records is not None:
        return _from_records(dataset, dataset.records)
    if dataset.whole is not None:
        return without_people(prepare(dataset.whole, image_size, **how), dataset)
    request = {
        "schema": _VERSION,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "image_size": image_size,
        "encoding": "png" if dataset.once else JPEG_QUALITY,
        "decoding": DECODING,
        "splits": {split: [s.path for s in samples] for split, samples in dataset.splits.items()},
        "identities": dataset.people,
    }
    root = cache_place(cache_dir, "datasets") / f"{dataset.name}-{cache_name(request)}"
    plan = _plan(dataset)
    missing = {name: samples for name, samples in plan if not _is_there(root / name, samples)}
    if missing:
        usable_cache(root)
        _write_shards(dataset, missing, root, image_size, workers or len(usable_cores()), progress)
    return _read_index(dataset, plan, root, image_size)


#: Of the shards and the notes beside them.
_VERSION = 2


def _from_records(dataset: Dataset, records: AlignedRecords) -> Prepared:
    """A dataset whose images are records already; nothing is written."""
    labels = dataset.labels
    return Prepared(
        root=records.root,
        name=dataset.name,
        identities=dataset.identities,
        image_size=records.image_size,
        places={
            split: {
                modality: records.places_of([s for s in samples if s.modality == modality], labels)
                for modality in MODALITIES
            }
            for split, samples in dataset.splits.items()
        },
        pairs=dataset.pairs,
        report=dataset.report,
        skipped=[],
        aligned=records.settings,
    )


def _plan(dataset: Dataset) -> list[tuple[str, list[Sample]]]:
    """Shard names and their samples; a shard holds one split and one modality."""
    plan = []
    for split, samples in dataset.splits.items():
        for modality in MODALITIES:
            group = [sample for sample in samples if sample.modality == modality]
            for i, name in enumerate(shard_names(len(group), f"{split}-{modality}")):
                plan.append((name, group[i * SHARD_SIZE : (i + 1) * SHARD_SIZE]))
    return plan


def _sidecar(shard: Path) -> Path:
    """Written after its shard: its size, its records' places, the images that cannot be read."""
    return shard.with_suffix(".json")


def _is_there(shard: Path, samples: Sequence[Sample]) -> bool:
    """Whether a shard is there as it was written, and no file is readable now that was not.

    A file's permissions, or a disk that is back, do not show in the dataset's fingerprint.
    """
    try:
        index = json.loads(_sidecar(shard).read_text(encoding="utf-8"))
        unread = {path for path, reason in index["skipped"] if may_be_readable_later(reason)}
        if any(os.access(s.source, os.R_OK) for s in samples if s.path in unread):
            return False
        return shard.stat().st_size == int(index["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write_shards(
    dataset: Dataset,
    shards: Mapping[str, Sequence[Sample]],
    root: Path,
    image_size: int,
    workers: int,
    progress: bool,
) -> None:
    from cari_keras.records.schema import serialize

    labels = dataset.labels
    total = sum(len(samples) for samples in shards.values())
    bar = Progress(total, f"Preparing {dataset.name}", shown=progress)
    with Encoder(dataset, min(workers, total)) as encoder, bar:

        def records(samples: Sequence[Sample], skipped: list[tuple[str, str]]) -> Iterator[bytes]:
            for sample, encoded in zip(samples, encoder.encode(samples, image_size)):
                if isinstance(encoded, str):
                    skipped.append((sample.path, encoded))
                else:
                    yield serialize(sample, encoded, labels[sample.identity])
                bar.update()

        for name, samples in shards.items():
            skipped: list[tuple[str, str]] = []
            with atomic_path(root / name) as temporary:
                places = write_shard(temporary, records(samples, skipped))
            index = {
                "skipped": skipped,
                "bytes": (root / name).stat().st_size,
                "offsets": [offset for offset, _ in places],
            }
            write_json(_sidecar(root / name), index)


def _read_index(
    dataset: Dataset, plan: Sequence[tuple[str, Sequence[Sample]]], root: Path, image_size: int
) -> Prepared:
    labels = dataset.labels
    parts: dict[str, dict[str, list[Places]]] = {split: {} for split in dataset.splits}
    paths: dict[str, dict[str, list[str]]] = {split: {} for split in dataset.splits}
    skipped: dict[str, str] = {}
    for name, samples in plan:
        index = json.loads(_sidecar(root / name).read_text(encoding="utf-8"))
        lost = dict(index["skipped"])
        skipped.update(lost)
        there = [s for s in samples if s.path not in lost]
        owners = [labels[s.identity] for s in there]
        found = Places(
            (str(root / name),),
            np.zeros(len(owners), np.int32),
            np.array(index["offsets"], np.int64),
            np.array(owners, np.int32),
        )
        split, modality = name.split("-")[0], samples[0].modality
        parts[split].setdefault(modality, []).append(found)
        paths[split].setdefault(modality, []).extend(s.path for s in there)
    pairs = {
        split: [p for p in rows if p.first not in skipped and p.second not in skipped]
        for split, rows in dataset.pairs.items()
    }
    report = dict(dataset.report)
    if skipped:
        report[UNREADABLE] = len(skipped)
    prepared = Prepared(
        root=root,
        name=dataset.name,
        identities=dataset.identities,
        image_size=image_size,
        places={
            split: {modality: Places.join(there) for modality, there in of.items()}
            for split, of in parts.items()
        },
        pairs=pairs,
        report=report,
        skipped=list(skipped.values()),
        paths=paths,
    )
    if dataset.splits.get("train") and not prepared.count("train"):
        raise DatasetError(f"{dataset.name}: none of its training images can be read")
    summary = {
        "name": dataset.name,
        "identities": dataset.identities,
        "image_size": image_size,
        "counts": prepared.counts,
        "pairs": {split: len(rows) for split, rows in pairs.items()},
        "report": report,
        "skipped": prepared.skipped,
    }
    write_json(root / "dataset.json", summary)
    return prepared
