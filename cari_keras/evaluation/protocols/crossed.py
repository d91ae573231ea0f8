"""Every caricature against every photo of some people whom no network was trained on.

Beside it stands identification both ways, in galleries of one image of each person. There are no
other people to take thresholds from: TAR at FAR is read off these pairs' own ROC curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from cari_keras.data.base import Dataset
from cari_keras.data.prepare import prepare
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.listed_intervals import intervals_of
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.protocols.strangers import intervals_over, pairs_to_draw, score_fold
from cari_keras.vocabulary import MODALITIES
from cari_keras.wording import counted


def evaluate_crossed(
    matcher: Matcher,
    dataset: Dataset,
    split: str,
    *,
    title: str,
    slug: str,
    notes: Sequence[str] = (),
    cache_dir: Optional[str] = None,
    progress: bool = False,
) -> Outcome:
    """Evaluates a network on a split of people whom it was not trained on.

    Args:
        matcher: The network.
        dataset: Whose split it is.
        split: Its name.
        title: Of the outcome.
        slug: Likewise.
        notes: What else there is to say of the people, a sentence each.
        cache_dir: The folder that caches prepared images and predictions.
        progress: Whether to show progress bars.

    Raises:
        DatasetError: The split lacks images of one modality.
        ConfigError: The network was not trained for verification, or verifies by identities.
    """
    matcher.check_verifies()
    if matcher.settings.verify_by == "identities":
        raise ConfigError(
            f"{matcher.name} verifies by the identities it knows, and these people are "
            "not among them; add --verify-by embedding"
        )
    prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, progress=progress)
    counts = {f"{modality}s": prepared.count(split, [modality]) for modality in MODALITIES}
    if not all(counts.values()):
        lacks = next(modality for modality, count in counts.items() if not count)
        raise DatasetError(f"{dataset.name}: its split {split} has no {lacks} to compare")
    answers = matcher.predict(prepared, split, cache_dir=cache_dir, progress=progress)
    answers = answers.of_strangers()
    nobody = answers.only(np.zeros(len(answers.paths), bool))
    fold = score_fold("all", answers, nobody)
    people = {"people": len(np.unique(answers.labels))}
    told = [_HOW, *notes, *matcher.on_other_crops(prepared)]
    told += [f"{counted(count, kind)}." for kind, count in prepared.report.items()]
    return Outcome(
        title=title,
        slug=slug,
        matcher=matcher,
        folds=(fold.with_counts({**counts, **people}),),
        dataset=dataset,
        predictions=answers,
        people=dataset.people,
        notes=tuple(told),
        intervals={
            **intervals_over([pairs_to_draw(fold, answers)]),
            **intervals_of(answers, [fold]),
        },
    )


_HOW = (
    "Every caricature is compared with every photo. TAR at FAR is read off these pairs' "
    "own ROC curve. Galleries hold one image of each person; their metrics are means "
    "over 20 draws."
)
