"""Every score of an evaluation as CSV: of pairs, of searches in galleries, of names given.

`pairs.csv`: `fold`; `first` and `second`, the two images, of which a caricature comes first where
there is one; `same`, 1 for one person; `distance`, squared L2; `threshold`, up to which it is
accepted, empty where there is none; `accepted`, 1 or 0, empty likewise.

`probes.csv`: `fold`; `gallery`, with the draw where galleries are drawn; `probe`, the image that is
looked for, and its `person`; `nearest`, the nearest image of the gallery, and its `nearest_person`;
their squared `distance`; `rank`, the place of the right person, from 1, between places where ties
decide.

`names.csv`: `metric`, which head is asked about which images; `image` and its `person`; `named`,
who the head says it is; `probability` of that; `rank` of the right person. Of several folds, the
first one's.

A file is written where there is something for it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cari_keras.evaluation.evaluator import IDENTIFICATION
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.files import atomic_path
from cari_keras.wording import counted

PAIRS, PROBES, NAMES = "pairs.csv", "probes.csv", "names.csv"

COLUMNS = {
    PAIRS: ("fold", "first", "second", "same", "distance", "threshold", "accepted"),
    PROBES: (
        *("fold", "gallery", "probe", "person", "nearest", "nearest_person", "distance", "rank"),
    ),
    NAMES: ("metric", "image", "person", "named", "probability", "rank"),
}

#: Impostor pairs of a fold that are written, at most, drawn by a seed: protocols that cross all
#: caricatures with all photos have millions. Genuine pairs are all written.
MOST_IMPOSTORS = 200_000


def write_scores(outcome: Outcome, folder: Path) -> list[Path]:
    """Writes the files, each atomically, into a folder; returns those that were written."""
    rows = {PAIRS: _pairs(outcome), PROBES: _probes(outcome), NAMES: _names(outcome)}
    return [
        folder / name for name, found in rows.items() if _write(folder / name, COLUMNS[name], found)
    ]


def left_out(outcome: Outcome) -> list[str]:
    """What to say of pairs that are too many to be written."""
    found = []
    for fold in outcome.folds:
        lost = 0 if fold.trials is None else int(np.sum(~fold.trials.same)) - MOST_IMPOSTORS
        if lost > 0:
            found.append(f"{PAIRS}: fold {fold.name}: {counted(lost, 'impostor pairs')} left out")
    return found


def _write(path: Path, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> bool:
    first = next(rows, None)
    if first is None:
        path.unlink(missing_ok=True)  # of an evaluation before this one
        return False
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([columns, first])
        writer.writerows(rows)
    return True


def _pairs(outcome: Outcome) -> Iterator[Sequence[Any]]:
    for fold in outcome.folds:
        trials = fold.trials
        if trials is None or not len(trials.first):
            continue
        thresholds = _per_pair(fold)
        for row in np.sort(trials.sample_rows(MOST_IMPOSTORS)).tolist():
            distance, same = float(trials.distances[row]), int(trials.same[row])
            judged: Iterable[Any] = ("", "")
            if thresholds is not None:
                judged = f"{thresholds[row]:.6f}", int(distance <= thresholds[row])
            yield (fold.name, *trials.names(row), same, f"{distance:.6f}", *judged)


def _per_pair(fold: FoldScores) -> Any:
    if fold.thresholds is None or fold.trials is None:
        return None
    return np.broadcast_to(fold.thresholds, fold.trials.same.shape)


def _probes(outcome: Outcome) -> Iterator[Sequence[Any]]:
    for fold in outcome.folds:
        people = fold.people or outcome.people
        for gallery, probes in fold.probes.items():
            for one in probes:
                yield (
                    *(fold.name, gallery, one.path, people[one.label]),
                    *(one.nearest, people[one.nearest_label]),
                    *(f"{one.distance:.6f}", f"{one.rank:g}"),
                )


def _names(outcome: Outcome) -> Iterator[Sequence[Any]]:
    answers, people = outcome.predictions, outcome.matcher.identities
    for metric, (task, on_caricatures) in IDENTIFICATION.items():
        logits = answers.outputs.get(f"logits_{task}")
        if logits is None:
            continue
        known = answers.labels < logits.shape[1]
        for row in np.flatnonzero(known & (answers.is_caricature == on_caricatures)).tolist():
            scores, label = logits[row].astype(np.float64), int(answers.labels[row])
            best = int(np.argmax(scores))
            probability = 1 / np.exp(scores - scores[best]).sum()
            rank = 1 + int(np.sum(scores > scores[label]))
            yield (
                metric,
                answers.paths[row],
                people[label],
                people[best],
                f"{probability:.6f}",
                rank,
            )
