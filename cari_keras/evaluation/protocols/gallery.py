"""Any gallery and probes: two folders of people, each probe's person looked for in the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import Dataset, ProbeSearch
from cari_keras.data.given import SPLIT, load_images
from cari_keras.data.prepare import prepare
from cari_keras.errors import DatasetError
from cari_keras.evaluation.legacy import legacy_galleries
from cari_keras.evaluation.listed_intervals import intervals_of
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.scoring import GALLERY, identification_fold, identify
from cari_keras.files import user_path
from cari_keras.images.names import one_spelling
from cari_keras.records.sample import Sample
from cari_keras.wording import counted


def evaluate_gallery(
    matcher: Matcher,
    gallery: Path,
    probe: Path,
    *,
    cache_dir: Optional[str] = None,
    progress: bool = False,
    legacy: bool = False,
) -> Outcome:
    """Rank-1, Rank-10 and CMC of the probes of one folder in the gallery of another.

    Args:
        matcher: The network.
        gallery: A folder of `<identity>/*`, or of trees of them; raw or from cari-align.
        probe: Likewise.
        cache_dir: The folder that caches prepared images and predictions.
        progress: Whether to show progress bars.
        legacy: Whether to compute the published code's metrics too.

    Raises:
        DatasetError: A folder is missing or empty, one lies in the other, or nobody is in both.
        ConfigError: The network was not trained for verification.
    """
    matcher.check_verifies()
    gallery, probe = user_path(gallery), user_path(probe)
    one, other = gallery.resolve(), probe.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise DatasetError(
            f"{probe}: the gallery and the probes share a folder, so probes would find "
            "themselves; name two separate folders"
        )
    datasets = {"gallery": load_images(gallery), "probe": load_images(probe)}
    spelling = one_spelling(n for dataset in datasets.values() for n in dataset.strangers)
    people = sorted(set(spelling.values()))
    shown = [{spelling[name] for name in dataset.strangers} for dataset in datasets.values()]
    if not set.intersection(*shown):
        raise DatasetError(
            f"{probe}: shares no person with {gallery}; both must hold folders <identity>/* "
            "of the same names"
        )
    numbers = {name: people.index(taken) for name, taken in spelling.items()}
    parts: dict[str, Predictions] = {}
    notes = matcher.on_strangers()
    for name, dataset in datasets.items():
        prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, progress=progress)
        notes += [f"{name}: {counted(count, kind)}." for kind, count in prepared.report.items()]
        notes += [f"{name}: {note}" for note in matcher.on_other_crops(prepared)]
        answers = matcher.predict(prepared, SPLIT, cache_dir=cache_dir, progress=progress)
        if not answers.paths:
            raise DatasetError(f"{gallery if name == 'gallery' else probe}: no image can be read")
        parts[name] = _renamed(answers.of_strangers(), name, dataset, numbers)
    joined = _join(list(parts.values()))
    galleries = {GALLERY: ProbeSearch(tuple(parts["gallery"].paths), tuple(parts["probe"].paths))}
    found = identify(joined, galleries)
    fold = identification_fold("all", found)
    return Outcome(
        title=f"probes of {probe.name} in the gallery {gallery.name}",
        slug=f"gallery-{gallery.name}-{probe.name}",
        matcher=matcher,
        folds=(fold,),
        intervals=intervals_of(joined, [fold]),
        dataset=_Folders.of(datasets),
        predictions=joined,
        people=tuple(people),
        notes=("The distance to a person is that to the nearest of their images.", *notes),
        legacy=legacy_galleries(joined, galleries) if legacy else {},
    )


@dataclass(frozen=True)
class _Folders(Dataset):
    """Several datasets as one, whose paths have a dataset's name in front."""

    parts: Mapping[str, Dataset] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Mapping[str, Dataset]) -> _Folders:
        samples = [
            replace(sample, path=f"{name}/{sample.path}")
            for name, dataset in parts.items()
            for sample in dataset.splits[SPLIT]
        ]
        return cls("folders", (), {SPLIT: samples}, {}, parts=parts)

    def load(self, sample: Sample) -> Array:
        name, _, path = sample.path.partition("/")
        return self.parts[name].load(replace(sample, path=path))


def _renamed(
    answers: Predictions, name: str, dataset: Dataset, numbers: dict[str, int]
) -> Predictions:
    """Paths with the folder's part in front, and labels that both folders share."""
    shared = np.array([numbers[person] for person in dataset.people], int)
    paths = [f"{name}/{path}" for path in answers.paths]
    return Predictions(paths, shared[answers.labels], answers.is_caricature, answers.outputs)


def _join(parts: list[Predictions]) -> Predictions:
    return Predictions(
        [path for part in parts for path in part.paths],
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.is_caricature for part in parts]),
        {name: np.concatenate([part.outputs[name] for part in parts]) for name in parts[0].outputs},
    )
