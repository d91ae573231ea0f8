"""The report's table of people: whom the network is wrong about most often, with pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.evaluator import identification
from cari_keras.evaluation.labels import LABELS, label
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.report.pictures import side_by_side
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.evaluation.trials import Trials
from cari_keras.vocabulary import MODALITIES

#: People in the table, at most.
WORST = 10


class Asked(NamedTuple):
    """One kind of question about people, and how often the answers were wrong.

    Attributes:
        title: What a wrong answer is.
        wrong: Of each person by label, how many answers were wrong: float64 [k].
        total: Likewise, how many there were.
    """

    title: str
    wrong: Array
    total: Array

    def shares(self) -> Array:
        """The share of wrong answers, float64 [k]; NaN for those of whom nothing was asked."""
        with np.errstate(invalid="ignore"):
            return np.where(self.total > 0, self.wrong / self.total, np.nan)


class Person(NamedTuple):
    """A row of the table.

    Attributes:
        name: Who it is.
        jpeg: Of each modality, the image that takes part in most wrong answers.
        paths: These images.
        cells: Of each kind of question, what was wrong.
    """

    name: str
    jpeg: bytes
    paths: tuple[str, ...]
    cells: list[str]


class People(NamedTuple):
    """The table.

    Attributes:
        questions: Titles of its columns.
        rows: The worst first; empty where nothing was wrong.
        where: For the heading: which fold, where there are several.
        told: How many people there are, and by what they are ordered.
    """

    questions: list[str]
    rows: list[Person]
    where: str
    told: str


def worst_people(outcome: Outcome, most: int = WORST) -> People:
    """Those whose shares of wrong answers have the highest mean; of several folds, the first one's.

    Everything that the outcome judges takes part: genuine pairs rejected and impostor pairs
    accepted, those of each person with anybody; images that the heads misname; probes whose person
    is not the nearest in a gallery.
    """
    fold, people = outcome.folds[0], len(outcome.people)
    asked = [*_of_pairs(fold, outcome, people), *_of_heads(outcome, people)]
    asked += _of_galleries(fold, people)
    asked = [one for one in asked if one.total.any()]
    where = f" (fold {fold.name})" if len(outcome.folds) > 1 else ""
    if not asked:
        return People([], [], where, "")
    shares = np.stack([one.shares() for one in asked])
    known = ~np.isnan(shares)
    mean = np.where(known, shares, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    order = [k for k in np.argsort(-mean, kind="stable").tolist() if mean[k] > 0][:most]
    troubles = _troubles(fold, outcome)
    rows = [_person(outcome, k, asked, troubles) for k in order]
    there, wrong = int(known.any(axis=0).sum()), int((mean > 0).sum())
    told = (
        f"The {len(rows)} worst of {there} people, by the mean of their columns' shares; "
        f"{wrong} of them have an error. The pictures are those in most errors."
    )
    return People([one.title for one in asked], rows, where, told)


def _of_pairs(fold: FoldScores, outcome: Outcome, people: int) -> list[Asked]:
    trials = fold.trials
    if trials is None or fold.thresholds is None:
        return []
    first, second = _labels(trials, outcome)
    accepted, same = trials.distances <= fold.thresholds, trials.same

    def count(rows: Array, *sides: Array) -> Array:
        return sum(np.bincount(side[rows], minlength=people) for side in sides) + np.zeros(people)

    return [
        Asked("genuine pairs rejected", count(same & ~accepted, first), count(same, first)),
        Asked(
            "impostor pairs accepted",
            count(~same & accepted, first, second),
            count(~same, first, second),
        ),
    ]


def _labels(trials: Trials, outcome: Outcome) -> tuple[Array, Array]:
    """Whom both images of each pair show, int [n] each; a list knows that of the first alone."""
    if trials.second_subjects is not None:
        return trials.subjects, trials.other_subjects
    of = dict(zip(outcome.predictions.paths, outcome.predictions.labels.tolist()))
    return trials.subjects, np.array([of[path] for path in trials.second], int)


def _of_heads(outcome: Outcome, people: int) -> Iterator[Asked]:
    for metric, (logits, labels) in identification(outcome.predictions).items():
        wrong = labels[np.argmax(logits, axis=-1) != labels]
        counts = (np.bincount(rows, minlength=people) for rows in (wrong, labels))
        yield Asked(f"{LABELS[metric]}: misnamed", *counts)


def _of_galleries(fold: FoldScores, people: int) -> Iterator[Asked]:
    for metric, (hits, labels) in fold.hits.items():
        if metric.endswith("_rank_1"):
            missed = np.bincount(labels, weights=1.0 - hits, minlength=people)
            yield Asked(f"{label(metric)}: missed", missed, np.bincount(labels, minlength=people))


def _troubles(fold: FoldScores, outcome: Outcome) -> Array:
    """Of each image that was evaluated, in how many wrong answers it takes part, float64 [n]."""
    predictions = outcome.predictions
    row = {path: k for k, path in enumerate(predictions.paths)}
    found = np.zeros(len(predictions.paths))
    trials = fold.trials
    if trials is not None and fold.thresholds is not None:
        wrong = (trials.distances <= fold.thresholds) != trials.same
        for side, paths in enumerate((trials.first, trials.second)):
            counts = (
                wrong.reshape(len(trials.first), -1).sum(axis=1 - side) if trials.crossed else wrong
            )
            np.add.at(found, [row[path] for path in paths], counts)
    for searches in fold.probes.values():
        for probe in searches:
            found[row[probe.path]] += probe.nearest_label != probe.label
    for name, logits in predictions.outputs.items():
        if name.startswith("logits_"):
            known = predictions.labels < logits.shape[1]
            found += known & (np.argmax(logits, axis=-1) != predictions.labels)
    return found


def _person(outcome: Outcome, label: int, asked: Sequence[Asked], troubles: Array) -> Person:
    predictions = outcome.predictions
    chosen = []
    for drawn in range(len(MODALITIES)):
        of = np.flatnonzero((predictions.labels == label) & (predictions.is_caricature == drawn))
        if len(of):
            chosen.append(predictions.paths[of[np.argmax(troubles[of])]])
    samples = outcome.dataset.by_path
    pictures = side_by_side(outcome.dataset, [samples[path] for path in chosen])
    cells = [_cell(one.wrong[label], one.total[label]) for one in asked]
    return Person(outcome.people[label], pictures, tuple(chosen), cells)


def _cell(wrong: float, total: float) -> str:
    """`3 of 20`; a mean over draws with one digit."""
    if not total:
        return "-"
    return f"{wrong:.1f} of {total:.0f}" if wrong % 1 else f"{wrong:.0f} of {total:.0f}"
