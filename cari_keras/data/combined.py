"""Prepared datasets that are put together: pictures in other cuts, people held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cari_keras.data.base import Dataset
from cari_keras.data.prepared import Prepared
from cari_keras.errors import DatasetError
from cari_keras.records.shards import Places
from cari_keras.vocabulary import LEFT_WHOLE, MODALITIES

#: What reports call such images.
UNREADABLE = "unreadable images, left out"


def with_others(prepared: Prepared, others: Prepared) -> Prepared:
    """A prepared dataset that is also trained on another's training images of the same people."""
    label = {name: k for k, name in enumerate(prepared.identities)}
    ours = np.array([label.get(name, -1) for name in others.identities], np.int32)
    train = dict(prepared.places["train"])
    for modality, places in others.places.get("train", {}).items():
        known = places.take(np.flatnonzero(ours[places.label] >= 0))
        there = [train[modality]] if modality in train else []
        train[modality] = Places.join([*there, replace(known, label=ours[known.label])])
    return replace(
        prepared,
        places={**prepared.places, "train": train},
        skipped=[*prepared.skipped, *others.skipped],
    )


def of_the_same(dataset: Dataset, others: Dataset) -> Dataset:
    """Images in another cut, with the splits and the people that a dataset gives them."""
    there = others.by_path
    splits = {
        split: [replace(there[s.path], identity=s.identity) for s in samples if s.path in there]
        for split, samples in dataset.splits.items()
    }
    return replace(
        others, identities=dataset.identities, strangers=dataset.strangers, splits=splits
    )


def in_place(prepared: Prepared, others: Prepared, dataset: Dataset) -> Prepared:
    """A prepared dataset with others' images in the place of its own, modality by modality.

    Args:
        prepared: The dataset, prepared.
        others: Images that stand in the place of those of their splits and modality.
        dataset: Says which images these are. Those that the others lack are left out.
    """
    taken = {
        split: {modality: places for modality, places in of.items() if len(places)}
        for split, of in others.places.items()
    }
    there = {name for of in others.paths.values() for names in of.values() for name in names}
    lost = {
        sample.path
        for split, samples in dataset.splits.items()
        for sample in samples
        if sample.modality in taken.get(split, {}) and sample.path not in there
    }
    whole = next((modality for of in taken.values() for modality in of), None)
    report = dict(prepared.report)
    if lost:
        report[UNREADABLE] = report.get(UNREADABLE, 0) + len(lost)
    return replace(
        prepared,
        places={split: {**of, **taken.get(split, {})} for split, of in prepared.places.items()},
        pairs={
            split: [pair for pair in pairs if pair.first not in lost and pair.second not in lost]
            for split, pairs in prepared.pairs.items()
        },
        report=report,
        skipped=[*prepared.skipped, *others.skipped],
        aligned={**prepared.aligned, **({LEFT_WHOLE: whole} if whole else {})},
    )


def without_people(whole: Prepared, dataset: Dataset) -> Prepared:
    """What people were held out of, see `data.unseen`: the whole's records, dealt to other splits.

    So the images of a dataset are prepared once for all folds.
    """
    labels = dataset.labels
    joined = Places.join([there for of in whole.places.values() for there in of.values()])
    names = [name for of in whole.paths.values() for paths in of.values() for name in paths]
    row = {name: i for i, name in enumerate(names)}
    places: dict[str, dict[str, Places]] = {}
    paths: dict[str, dict[str, Sequence[str]]] = {}
    for split, samples in dataset.splits.items():
        for modality in MODALITIES:
            kept = [s for s in samples if s.modality == modality and s.path in row]
            if not kept:
                continue
            taken = joined.take(np.array([row[s.path] for s in kept], int))
            owners = np.array([labels[s.identity] for s in kept], np.int32)
            places.setdefault(split, {})[modality] = replace(taken, label=owners)
            paths.setdefault(split, {})[modality] = [s.path for s in kept]
    found = replace(
        whole,
        identities=dataset.identities,
        places=places,
        pairs={
            split: [pair for pair in pairs if pair.first in row and pair.second in row]
            for split, pairs in dataset.pairs.items()
        },
        report={**dataset.report, **{k: n for k, n in whole.report.items() if k == UNREADABLE}},
        paths=paths,
    )
    if dataset.splits.get("train") and not found.count("train"):
        raise DatasetError(f"{dataset.name}: none of its training images can be read")
    return found
