"""People whom a network has not seen: every caricature of theirs against every photo.

One network per fold, each trained without that fold's people: by `cari-train --unseen-fold k/K`, or
for WebCaricature by its own lists. Thresholds are taken from other people than those judged: from
people whom the network was not trained on either, where the dataset has enough of them (its split
`unknown`), else from those it was trained on. Beside verification across the modalities there is
the same between two photos, which shows what a network has lost on photographs, and identification
both ways in galleries of one image of each person, drawn by a seed; and FPIR and FNIR of galleries
of a half of the people that grow, the other half as strangers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.align.before import load_faces, load_faces_below
from cari_keras.config import Config
from cari_keras.data.base import Dataset
from cari_keras.data.given import SPLIT
from cari_keras.data.prepare import prepare
from cari_keras.data.prepared import Prepared
from cari_keras.data.unseen import same_people
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.calibration import told_and_observed
from cari_keras.evaluation.growth import growth_of
from cari_keras.evaluation.intervals import (
    DrawnPairs,
    interval_over_folds,
    pairs_to_draw_from,
)
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.outcome import Outcome, total_pairs
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.probability import calibration_error
from cari_keras.evaluation.resampling import Interval
from cari_keras.evaluation.scoring import FARS, FoldScores, identify_drawn, verify
from cari_keras.evaluation.trials import Trials, crossed_trials, photo_trials
from cari_keras.ranges import parse_fold
from cari_keras.vocabulary import LEFT_WHOLE, MODALITIES, UNKNOWN, UNSEEN
from cari_keras.wording import counted

#: Impostor pairs of other people that are enough to take thresholds for every one of `FARS` from.
ENOUGH_IMPOSTORS = round(1 / min(FARS))


#: Photos whose pairs thresholds are taken from, at most.
MOST_PHOTOS = 2_000


class Looked(NamedTuple):
    """A fold's images with a network's answers to them.

    Attributes:
        matcher: The network.
        dataset: Where pictures are read.
        prepared: The prepared dataset.
        answers: From a split to the network's answers, asked for once.
    """

    matcher: Matcher
    dataset: Dataset
    prepared: Prepared
    answers: Callable[[str], Predictions]


def look(
    matcher: Matcher, config: Config, *, cache_dir: Optional[str] = None, progress: bool = False
) -> Looked:
    """Reads the dataset of a fold; answers are asked for later, split by split.

    Raises:
        DatasetError: The dataset is not as it should be, or of other people.
        ConfigError: The network was not trained for verification.
    """
    matcher.check_verifies()
    cache_dir = cache_dir or config.data.cache_dir
    dataset = load_faces(config, progress=progress)
    prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, progress=progress)
    matcher.check_heads(prepared)
    ask = partial(matcher.predict, prepared, cache_dir=cache_dir, progress=progress)
    return Looked(matcher, dataset, prepared, cache(ask))


def evaluate_strangers(
    matcher_of: Callable[[str], Matcher],
    config_of: Callable[[str], Config],
    folds: Sequence[str],
    *,
    collection: Optional[Path] = None,
    baselines: Mapping[str, Outcome] = {},
    cache_dir: Optional[str] = None,
    progress: bool = False,
) -> Outcome:
    """Evaluates one network per fold on the people who were held out of its training.

    Args:
        matcher_of: From a fold, `"1"` to `"K"`, to its network.
        config_of: From a fold to the settings that name its data, `unseen_fold` among them.
        folds: Which.
        collection: A folder with pictures of the same people from another source, as
            `{photo,caricature}/<identity>/*`; they are judged in place of the dataset's own.
        baselines: Other networks' outcomes on the same folds by name, to print beside this one.
        cache_dir: The folder that caches prepared images and predictions, so that an interrupted
            evaluation continues.
        progress: Whether to show progress bars.

    Raises:
        DatasetError: The dataset is not as it should be, or the collection shows none of the
            people held out.
        ConfigError: A network was not trained for verification.
    """
    found: list[FoldScores] = []
    draws: list[dict[str, DrawnPairs]] = []
    first: Optional[tuple[Matcher, Dataset, Predictions]] = None
    notes: dict[str, None] = {}
    for name in folds:
        matcher, config = matcher_of(name), config_of(name)
        check_not_trained_on(matcher, str(config.data.unseen_fold))
        seen = look(matcher, config, cache_dir=cache_dir, progress=progress)
        dataset, prepared, predictions = seen.dataset, seen.prepared, None
        if collection is not None:
            dataset, prepared = _in_collection(seen, config, collection, cache_dir, progress)
            predictions = seen.matcher.predict(
                prepared, SPLIT, cache_dir=cache_dir, progress=progress
            )
        answers = seen.answers(UNSEEN) if predictions is None else predictions
        answers = answers.of_strangers()
        chosen_on, told = _other_people(seen)
        fold = score_fold(name, answers, chosen_on)
        split = UNSEEN if collection is None else SPLIT
        counts = {f"{modality}s": prepared.count(split, [modality]) for modality in MODALITIES}
        counts |= {"people": len(np.unique(answers.labels))}
        found.append(replace(fold.with_counts(counts), people=dataset.people))
        draws.append(pairs_to_draw(fold, answers))
        first = first or (seen.matcher, dataset, answers)
        notes[f"Thresholds come from {told}."] = None
        notes.update(dict.fromkeys(seen.matcher.on_other_crops(prepared)))
        report = {**seen.prepared.report, **prepared.report}
        notes.update({f"Fold {name}: {counted(n, kind)}.": None for kind, n in report.items()})
    assert first is not None, "no fold was named"
    matcher, dataset, predictions = first
    config = config_of(folds[0])
    count = str(config.data.unseen_fold).partition("/")[2]
    which = "all folds" if len(folds) == int(count) else f"fold {', '.join(folds)} of {count}"
    of = config.data.dataset
    where = f"{of}'s people in {collection.resolve().name}" if collection else of
    slug = f"strangers-{collection.resolve().name if collection else of}-of-{count}"
    return Outcome(
        title=f"People never seen: {where}, {which}",
        slug=f"{slug}-{'all' if len(folds) == int(count) else '-'.join(folds)}",
        matcher=matcher,
        folds=tuple(found),
        dataset=dataset,
        predictions=predictions,
        people=dataset.people,
        notes=(_HOW, *notes),
        intervals=intervals_over(draws),
        baselines=baselines,
    )


_HOW = (
    "Every caricature is compared with every photo of the people held out, whom the "
    "network was not trained on. Galleries hold one image of each person; their metrics "
    "are means over 20 draws."
)


def score_fold(name: str, predictions: Predictions, chosen_on: Predictions) -> FoldScores:
    """All metrics of a fold's strangers.

    Args:
        name: The fold.
        predictions: Answers for its people's images.
        chosen_on: Answers for other people's images, which thresholds are taken from. Where they
            have no pairs of both kinds, TAR is read off the fold's own ROC curve alone.

    Metrics of two photos have `photos_` before their names. Of photos alone there are no others.
    """
    metrics: dict[str, float] = {}
    trials = crossed_trials(predictions)
    others = _usable(crossed_trials(chosen_on))
    verified = verify(trials, others, with_accuracy=False, with_balanced=True)
    metrics |= verified.metrics
    rows = told_and_observed(trials, others)
    if rows and others is not None:
        metrics["calibration_error"] = calibration_error(rows)
    found = identify_drawn(predictions)
    metrics |= found.metrics
    photos = photo_trials(predictions)
    if photos.both_kinds:
        other_photos = _usable(photo_trials(chosen_on, most=MOST_PHOTOS))
        of_photos = verify(photos, other_photos, with_accuracy=False, with_balanced=True)
        metrics |= {f"photos_{metric}": value for metric, value in of_photos.metrics.items()}
    return FoldScores(
        name,
        metrics,
        verified.points,
        trials,
        verified.thresholds,
        cmcs=found.cmcs,
        counts={**total_pairs(trials), **found.counts},
        hits=found.hits,
        named=found.named,
        probes=found.probes,
        reliability=tuple(rows),
        growth=growth_of(predictions),
    )


def pairs_to_draw(fold: FoldScores, predictions: Predictions) -> dict[str, DrawnPairs]:
    """Prefix of metrics -> the pairs to draw people from, for their intervals."""
    trials = {"": fold.trials, "photos_": photo_trials(predictions)}
    found = {
        prefix: pairs_to_draw_from(each) for prefix, each in trials.items() if each is not None
    }
    return {prefix: pairs for prefix, pairs in found.items() if pairs is not None}


def _usable(trials: Trials) -> Optional[Trials]:
    return trials if trials.both_kinds else None


def _other_people(seen: Looked) -> tuple[Predictions, str]:
    """Answers for people who are not judged, to take thresholds from; and who they are."""
    if seen.prepared.count(UNKNOWN):
        answers = seen.answers(UNKNOWN)
        same = crossed_trials(answers).same
        if same.any() and int(np.sum(~same)) >= ENOUGH_IMPOSTORS:
            people = len(np.unique(answers.labels))
            return answers, f"{people} other people whom the network was not trained on"
    # In the cut that they were trained in.
    whole = seen.prepared.aligned.get(LEFT_WHOLE)
    cut = f", each {whole} by its face" if whole else ""
    return seen.answers("train"), f"the people that the network was trained on{cut}"


def _in_collection(
    seen: Looked, config: Config, collection: Path, cache_dir: Optional[str], progress: bool
) -> tuple[Dataset, Prepared]:
    """The pictures of a fold's held-out people in another collection."""
    whole = load_faces_below(config, collection, progress=progress)
    held = {sample.identity for sample in seen.dataset.splits[UNSEEN]}
    chosen = same_people(held, whole.strangers)
    samples = [
        replace(sample, identity=chosen[sample.identity])
        for sample in whole.splits[SPLIT]
        if sample.identity in chosen
    ]
    if not samples:
        raise DatasetError(
            f"{collection}: shows none of the {len(held)} people held out; expected "
            "{photo,caricature}/<identity>/* with their names"
        )
    people = tuple(sorted(set(chosen.values())))
    dataset = replace(whole, strangers=people, splits={SPLIT: samples}, crossed=(SPLIT,))
    return dataset, prepare(dataset, seen.matcher.side, cache_dir=cache_dir, progress=progress)


def intervals_over(draws: Sequence[dict[str, DrawnPairs]]) -> dict[str, Interval]:
    """Of the means over the folds, by drawing people within each."""
    found: dict[str, Interval] = {}
    for prefix in sorted({prefix for each in draws for prefix in each}):
        there = [each[prefix] for each in draws if prefix in each]
        if len(there) < len(draws):  # the mean over the folds is of more of them
            continue
        for metric, interval in interval_over_folds(there, FARS).items():
            found[f"{prefix}{metric}"] = interval
    return found


def check_not_trained_on(matcher: Matcher, fold: str) -> None:
    """Raises ConfigError where a run has not held out the fold that it is to be judged by."""
    own = matcher.config.data.unseen_fold
    if matcher.run is not None and (own is None or parse_fold(own) != parse_fold(fold)):
        held = f"the run held out {own}" if own else "the run held nobody out"
        raise ConfigError(
            f"{matcher.name}: {held}, so unseen fold {fold} cannot evaluate it; train it "
            f"with --unseen-fold {fold}"
        )
