"""Prepares a dataset once: every image decoded, resized, and written into TFRecord shards.

The result is cached in a folder named by the content of the request (the dataset's files and
settings, image size, schema). Shards are written atomically, one by one, so an interrupted
preparation goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

from tqdm import tqdm

from cari_keras.data.base import CANNOT_BE_READ, MODALITIES, Dataset, Pair, Records, Sample
from cari_keras.data.encoding import (
    DECODING,
    JPEG_QUALITY,
    encode,
    encode_in_worker,
    start_worker,
)
from cari_keras.errors import DatasetError
from cari_keras.files import atomic_path, user_cache_dir, write_json

SHARD_SIZE = 1024


@dataclass(frozen=True)
class Prepared:
    """A dataset as training and evaluation read it.

    Attributes:
        root: The folder with the shards.
        name: The dataset's name.
        identities: Names in the order of their labels.
        image_size: Side of the stored images in pixels.
        counts: Split -> modality -> number of images.
        shards: Split -> modality -> file names in `root`.
        pairs: Split -> verification pairs, those with an unreadable image left out.
        report: The dataset's account of what was found.
        skipped: One line for every image that could not be read.
        aligned: How cari-align cut the images out; empty where they are whole pictures.
        labels: Split -> the names of its records, with their labels, where shards hold records of
            other splits as well; None where all records of a split's shards are its own.
    """

    root: Path
    name: str
    identities: tuple[str, ...]
    image_size: int
    counts: Mapping[str, Mapping[str, int]]
    shards: Mapping[str, Mapping[str, Sequence[str]]]
    pairs: Mapping[str, Sequence[Pair]]
    report: Mapping[str, int]
    skipped: Sequence[str]
    aligned: Mapping[str, Any] = field(default_factory=dict)
    labels: Optional[Mapping[str, Mapping[str, int]]] = None

    def files(self, split: str, modality: str) -> list[str]:
        """Full paths of the shards of one split and modality, in order."""
        return [str(self.root / name) for name in self.shards.get(split, {}).get(modality, ())]

    def count(self, split: str, modalities: Sequence[str] = MODALITIES) -> int:
        """The number of images of a split."""
        return sum(self.counts.get(split, {}).get(modality, 0) for modality in modalities)


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
    if dataset.records is not None:
        return _from_records(dataset, dataset.records)
    from cari_keras.data.records import SCHEMA_VERSION

    request = {
        "schema": SCHEMA_VERSION,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "image_size": image_size,
        "jpeg_quality": JPEG_QUALITY,
        "decoding": DECODING,
        "splits": {split: [s.path for s in samples] for split, samples in dataset.splits.items()},
        "identities": dataset.people,
    }
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
    root = Path(cache_dir or user_cache_dir()) / "datasets" / f"{dataset.name}-{digest}"
    plan = _plan(dataset)
    missing = {name: samples for name, samples in plan if not _is_there(root / name, samples)}
    if missing:
        root.mkdir(parents=True, exist_ok=True)
        _write_shards(dataset, missing, root, image_size, workers or os.cpu_count() or 1, progress)
    return _read_index(dataset, plan, root, image_size)


def _from_records(dataset: Dataset, records: Records) -> Prepared:
    """Nothing is written: every split reads all shards and picks its own records."""
    number = dataset.labels
    return Prepared(
        root=records.root,
        name=dataset.name,
        identities=dataset.identities,
        image_size=records.image_size,
        counts={
            split: {modality: dataset.count(split, modality) for modality in MODALITIES}
            for split in dataset.splits
        },
        shards=dict.fromkeys(dataset.splits, records.shards),
        pairs=dataset.pairs,
        report=dataset.report,
        skipped=[],
        aligned=records.settings,
        labels={
            split: {sample.path: number[sample.identity] for sample in samples}
            for split, samples in dataset.splits.items()
        },
    )


def _plan(dataset: Dataset) -> list[tuple[str, list[Sample]]]:
    """Shard names and their samples; a shard holds one split and one modality."""
    plan = []
    for split, samples in dataset.splits.items():
        for modality in MODALITIES:
            group = [sample for sample in samples if sample.modality == modality]
            total = -(-len(group) // SHARD_SIZE)
            for i in range(total):
                name = f"{split}-{modality}-{i:05d}-of-{total:05d}.tfrecord"
                plan.append((name, group[i * SHARD_SIZE : (i + 1) * SHARD_SIZE]))
    return plan


def _sidecar(shard: Path) -> Path:
    """Written after its shard: its records' number and size, the images that cannot be read."""
    return shard.with_suffix(".json")


def _is_there(shard: Path, samples: Sequence[Sample]) -> bool:
    """Whether a shard is there as it was written, and no file is readable now that was not.

    A file's permissions, or a disk that is back, do not show in the dataset's fingerprint.
    """
    try:
        index = json.loads(_sidecar(shard).read_text(encoding="utf-8"))
        unread = {path for path, reason in index["skipped"] if CANNOT_BE_READ in reason}
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
    from cari_keras.data.records import record_writer, serialize

    labels = dataset.labels
    total = sum(len(samples) for samples in shards.values())
    bar = tqdm(total=total, unit="image", desc=f"Preparing {dataset.name}", disable=not progress)
    with _Encoder(dataset, min(workers, total)) as encoder, bar:
        for name, samples in shards.items():
            skipped = []
            with atomic_path(root / name) as temporary, record_writer(temporary) as out:
                for sample, encoded in zip(samples, encoder.encode(samples, image_size)):
                    if isinstance(encoded, str):
                        skipped.append((sample.path, encoded))
                    else:
                        out.write(serialize(sample, encoded, labels[sample.identity]))
                    bar.update()
            index = {
                "images": len(samples) - len(skipped),
                "skipped": skipped,
                "bytes": (root / name).stat().st_size,
            }
            write_json(_sidecar(root / name), index)


class _Encoder:
    """Encodes images in processes, or in this one where a single worker is asked for."""

    def __init__(self, dataset: Dataset, workers: int) -> None:
        self.dataset = dataset
        self.pool: Optional[ProcessPoolExecutor] = None
        if workers > 1:
            # Spawned, not forked: the parent may have TensorFlow's threads running.
            self.pool = ProcessPoolExecutor(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=start_worker,
                initargs=(dataset,),
            )

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)

    def encode(self, samples: Sequence[Sample], image_size: int) -> Iterator[Union[bytes, str]]:
        if not self.pool:
            for sample in samples:
                yield encode(self.dataset, sample, image_size)
            return
        work = partial(encode_in_worker, size=image_size)
        try:
            yield from self.pool.map(work, samples, chunksize=16)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that prepares images was killed, usually for want of memory; make "
                "some free, or take out the largest pictures"
            ) from error


def _read_index(
    dataset: Dataset, plan: Sequence[tuple[str, Sequence[Sample]]], root: Path, image_size: int
) -> Prepared:
    counts: dict[str, dict[str, int]] = {split: {} for split in dataset.splits}
    shards: dict[str, dict[str, list[str]]] = {split: {} for split in dataset.splits}
    skipped: dict[str, str] = {}
    for name, samples in plan:
        index = json.loads(_sidecar(root / name).read_text(encoding="utf-8"))
        split, modality = name.split("-")[0], samples[0].modality
        counts[split][modality] = counts[split].get(modality, 0) + index["images"]
        shards[split].setdefault(modality, []).append(name)
        skipped.update(dict(index["skipped"]))
    pairs = {
        split: [p for p in rows if p.first not in skipped and p.second not in skipped]
        for split, rows in dataset.pairs.items()
    }
    report = dict(dataset.report)
    if skipped:
        report["unreadable images, left out"] = len(skipped)
    prepared = Prepared(
        root=root,
        name=dataset.name,
        identities=dataset.identities,
        image_size=image_size,
        counts=counts,
        shards=shards,
        pairs=pairs,
        report=report,
        skipped=list(skipped.values()),
    )
    if dataset.splits.get("train") and not prepared.count("train"):
        raise DatasetError(f"{dataset.name}: none of its training images can be read")
    left_out = ("root", "pairs", "aligned", "labels")
    summary = {
        **{k: v for k, v in asdict(prepared).items() if k not in left_out},
        "pairs": {split: len(rows) for split, rows in pairs.items()},
    }
    write_json(root / "dataset.json", summary)
    return prepared
