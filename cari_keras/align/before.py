"""Datasets of aligned faces, from raw pictures: the faces are cut out into the cache, once."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cari_keras.align.config import FILLING, AlignConfig
from cari_keras.align.engine import align_folder
from cari_keras.align.folder import check_faces
from cari_keras.align.journal import BusyError
from cari_keras.data.given import load_images
from cari_keras.data.registry import load_dataset
from cari_keras.files import cache_name, cache_place, usable_cache, user_path
from cari_keras.records.aligned import is_aligned
from cari_keras.records.manifest import INDEX
from cari_keras.vocabulary import CARICATURE, MODALITIES
from cari_keras.workers import check_can_start

if TYPE_CHECKING:
    from cari_keras.config import Config
    from cari_keras.data.base import Dataset
    from cari_keras.records.sample import Sample
    from cari_keras.sections import DataConfig

#: While another process finds the same faces.
SECONDS_BETWEEN_LOOKS = 1.0


def load_faces(
    config: Config,
    *,
    renew: bool = False,
    training: bool = False,
    workers: Optional[int] = None,
    progress: bool = False,
) -> Dataset:
    """The dataset that a configuration names, with its faces cut out where `align` asks for that.

    A folder that `cari-align` wrote, and the demo, are read as they are. A raw folder is read once
    as it is before its faces are looked for, so that a mistake in it is told at once.

    Args:
        config: Names the dataset.
        renew: Look for pictures that are new, changed or gone since the faces were cut out.
        training: Whether the dataset is trained on, where `whole_pictures` has its effect, and
            `whole_caricatures` adds the whole caricatures.
        workers: Processes that look for faces; None: as many as there are cores.
        progress: Show how far this has come.

    Raises:
        DatasetError: The dataset is missing or not as it should be.
        AlignError: No face is found.
        ConfigError: The cache cannot be written, or workers cannot start.
    """
    place = faces_of(config)
    if place is None:
        return load_dataset(config)
    raw = user_path(config.data.data_dir or "")
    there = (place / INDEX).is_file()
    data = config.data
    trained_on = _trained_on_whole(data) if training else ()
    whole = load_dataset(config) if trained_on or data.whole_caricatures or not there else None
    if renew or not there:
        _cut_out(raw, place, workers=workers, progress=progress)
    faces = load_dataset(config.with_values({"data_dir": str(place)}))
    if whole and trained_on:
        faces = replace(faces, beside=_training_images(whole, faces, trained_on))
    if whole and data.whole_caricatures:
        faces = replace(faces, instead=_judged_caricatures(whole, faces))
    return faces


def _trained_on_whole(data: DataConfig) -> Sequence[str]:
    """The modalities of which whole pictures are trained on beside the faces."""
    if data.whole_pictures:
        return MODALITIES
    return (CARICATURE,) if data.whole_caricatures else ()


def _training_images(whole: Dataset, faces: Dataset, modalities: Sequence[str]) -> Dataset:
    """The whole pictures of the faces that are trained on, and of no others.

    Where a picture could not be read, a random split may differ between the two.
    """
    names = {sample.path for sample in faces.splits.get("train", ())}
    train = [
        sample
        for sample in whole.splits.get("train", ())
        if sample.path in names and sample.modality in modalities
    ]
    return _pictures(whole, {"train": train})


def _judged_caricatures(whole: Dataset, faces: Dataset) -> Dataset:
    """The whole pictures of the caricatures that are not trained on."""
    judged = {
        sample.path
        for split, samples in faces.splits.items()
        for sample in samples
        if split != "train" and sample.modality == CARICATURE
    }
    splits = {
        split: [sample for sample in samples if sample.path in judged]
        for split, samples in whole.splits.items()
    }
    return _pictures(whole, splits)


def _pictures(whole: Dataset, splits: Mapping[str, Sequence[Sample]]) -> Dataset:
    """Some of a dataset's pictures; how they are judged is said by the dataset of faces."""
    return replace(whole, splits=splits, pairs={}, crossed=(), galleries={})


def load_faces_below(config: Config, folder: Path, *, progress: bool = False) -> Dataset:
    """Every image below a folder as `data.given.load_images` reads them, faces cut out likewise.

    Args:
        config: Says by `align` whether faces are cut out, and where the cache is.
        folder: `{photo,caricature}/<identity>/*`, raw or from cari-align.
        progress: Show how far this has come.

    Raises:
        DatasetError: The folder is missing or has no images.
        AlignError: No face is found.
        ConfigError: The cache cannot be written, or workers cannot start.
    """
    folder = user_path(folder)
    if not config.data.align or is_aligned(folder):
        return load_images(folder)
    whole = load_images(folder)  # tells a mistake in it at once
    place = _place(config, "collection", folder)
    _cut_out(folder, place, progress=progress)
    faces = load_images(place)
    if not config.data.whole_caricatures:
        return faces
    return replace(faces, instead=_judged_caricatures(whole, faces))


def _cut_out(
    raw: Path, place: Path, *, workers: Optional[int] = None, progress: bool = False
) -> None:
    """Cuts the faces out; where another process is at it, waits, and takes what that one found."""
    check_can_start()
    usable_cache(place.parent)
    settings = AlignConfig.of_values(FILLING)
    told = not progress
    while True:
        try:
            counts = align_folder(raw, place, settings, workers=workers, progress=progress)
            break
        except BusyError:
            if not told:
                print(f"waiting for another process that finds the faces of {raw}", file=sys.stderr)
            told = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
    check_faces(counts, raw, place)


def faces_of(config: Config) -> Optional[Path]:
    """Where the faces of a configuration's raw pictures are; None where pictures are read whole.

    Raises:
        ConfigError: No place for the cache is known.
    """
    data = config.data
    if not data.align or not data.data_dir or is_aligned(user_path(data.data_dir)):
        return None
    return _place(config, data.dataset, user_path(data.data_dir))


def _place(config: Config, name: str, raw: Path) -> Path:
    """Where the cache has the faces of a folder."""
    key = cache_name([str(raw.resolve()), FILLING])
    return cache_place(config.data.cache_dir, "faces") / f"{name}-{key}"
