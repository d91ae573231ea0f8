"""Any pairs of images: a list of one's own, or LFW's with its folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from cari_keras.data.given import SPLIT, Listed, load_pairs, read_pair_list
from cari_keras.data.prepare import prepare
from cari_keras.errors import DatasetError
from cari_keras.evaluation.calibration import told_and_observed
from cari_keras.evaluation.legacy import legacy_verification
from cari_keras.evaluation.listed_intervals import intervals_of
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.outcome import Outcome, total_pairs
from cari_keras.evaluation.scoring import FoldScores, verify
from cari_keras.evaluation.trials import Trials, listed_trials
from cari_keras.wording import counted


def evaluate_pairs(
    matcher: Matcher,
    images: Path,
    list_file: Path,
    *,
    cache_dir: Optional[str] = None,
    progress: bool = False,
    legacy: bool = False,
) -> Outcome:
    """Verifies listed pairs.

    With folds, each fold's thresholds come from the others, as LFW's protocol has it. Without,
    accuracy's come from two-fold cross-validation over people, who are the images' folders.

    Args:
        matcher: The network.
        images: The folder of images, raw or from cari-align.
        list_file: See `cari_keras.data.given.read_pair_list`.
        cache_dir: The folder that caches prepared images and predictions.
        progress: Whether to show progress bars.
        legacy: Whether to compute the published code's metrics too.

    Raises:
        DatasetError: The folder or the list is missing, malformed, or they do not belong together.
        ConfigError: The network was not trained for verification.
    """
    matcher.check_verifies()
    found = load_pairs(images, read_pair_list(list_file))
    return evaluate_listed(
        matcher,
        found,
        images,
        title=f"Pairs of {list_file.name}",
        slug=f"pairs-{list_file.stem}",
        cache_dir=cache_dir,
        progress=progress,
        legacy=legacy,
    )


def evaluate_listed(
    matcher: Matcher,
    listed: Listed,
    images: Path,
    *,
    title: str,
    slug: str,
    notes: Sequence[str] = (),
    cache_dir: Optional[str] = None,
    progress: bool = False,
    legacy: bool = False,
) -> Outcome:
    """As `evaluate_pairs`, of pairs that were read already.

    Args:
        matcher: The network.
        listed: The pairs with their images.
        images: The folder that messages name.
        title: Of the outcome.
        slug: Likewise.
        notes: What else there is to say of the pairs, a sentence each.
        cache_dir: The folder that caches prepared images and predictions.
        progress: Whether to show progress bars.
        legacy: Whether to compute the published code's metrics too.

    Raises:
        DatasetError: No pair has two images that can be read, or the pairs are of one fold alone.
        ConfigError: The network was not trained for verification.
    """
    matcher.check_verifies()
    dataset, pairs = listed.dataset, listed.dataset.pairs[SPLIT]
    prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, progress=progress)
    answers = matcher.predict(prepared, SPLIT, cache_dir=cache_dir, progress=progress)
    predictions = answers.of_strangers()
    known = set(predictions.paths)
    there = [k for k, pair in enumerate(pairs) if pair.first in known and pair.second in known]
    if not there:
        raise DatasetError(f"{images}: no listed pair has two images that can be read")
    trials = listed_trials(predictions, [pairs[k] for k in there])
    told = [*notes, *matcher.on_strangers(), *matcher.on_other_crops(prepared)]
    told += [f"{counted(count, kind)}." for kind, count in prepared.report.items()]
    if len(there) < len(pairs):
        told.append(
            f"{counted(len(pairs) - len(there), 'pairs with an unreadable image')}, left out."
        )
    if len(dataset.people) < 2:
        told.append(
            "All images lie in one folder, so they count as one person's. There is no "
            "accuracy, since its threshold would come from other people's pairs, and "
            "there are no intervals over people."
        )
    if listed.folds is None:
        folds = [_fold("all", trials, None)]
        told.insert(0, _WITHOUT_FOLDS)
    else:
        fold_of = np.array(listed.folds)[there]
        if len(np.unique(fold_of)) < 2:
            raise DatasetError(
                f"{images}: has images of only one fold's pairs, and each fold's "
                "thresholds come from the others; add the images of another fold"
            )
        folds = [
            _fold(str(k + 1), trials.only(fold_of == k), trials.only(fold_of != k))
            for k in np.unique(fold_of)
        ]
        told.insert(0, "Each fold's thresholds come from the other folds.")
    return Outcome(
        title=title,
        slug=slug,
        matcher=matcher,
        folds=tuple(folds),
        dataset=dataset,
        predictions=predictions,
        people=dataset.people,
        notes=tuple(told),
        intervals=intervals_of(predictions, folds),
        legacy=legacy_verification(trials) if legacy else {},
    )


_WITHOUT_FOLDS = (
    "Accuracy: threshold by two-fold cross-validation over people, who are the images' folders. "
    "TAR at FAR is read off the pairs' own ROC curve."
)


def _fold(name: str, trials: Trials, chosen_on: Optional[Trials]) -> FoldScores:
    metrics, points, thresholds = verify(trials, chosen_on)
    return FoldScores(
        name,
        metrics,
        points,
        trials,
        thresholds,
        counts=total_pairs(trials),
        reliability=tuple(told_and_observed(trials, chosen_on)),
    )
