"""WebCaricature's protocols, Tables 3 to 5: strangers are verified, or looked for in a gallery.

One network per fold, each trained by `cari-train --dataset webcaricature --fold K`. VAL at a FAR
takes its threshold from the training folds' pairs, and reports the FAR that it then has on the
test fold; TAR at that FAR on the test fold's own ROC curve is reported beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Optional

from cari_keras.config import Config
from cari_keras.data.base import Dataset
from cari_keras.errors import DatasetError
from cari_keras.evaluation.calibration import told_and_observed
from cari_keras.evaluation.legacy import legacy_galleries, legacy_verification, mean_of
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.outcome import Outcome, total_pairs
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.protocols.strangers import Looked, look, score_fold
from cari_keras.evaluation.scoring import FoldScores, identification_fold, identify, verify
from cari_keras.evaluation.trials import listed_trials
from cari_keras.vocabulary import DEV
from cari_keras.wording import counted


def evaluate_webcaricature(
    matcher_of: Callable[[str], Matcher],
    config_of: Callable[[str], Config],
    folds: list[str],
    *,
    cache_dir: Optional[str] = None,
    progress: bool = False,
    legacy: bool = False,
) -> Outcome:
    """Evaluates one network per fold.

    Args:
        matcher_of: From a fold to its network.
        config_of: From a fold to the settings that name its data.
        folds: Which: `"dev"` (view 1), or some of `"1"` to `"10"` (view 2).
        cache_dir: The folder that caches prepared images and predictions, so that an interrupted
            evaluation continues.
        progress: Whether to show progress bars.
        legacy: Whether to compute the published code's metrics too.

    Raises:
        DatasetError: The dataset is not as it should be.
        ConfigError: A network was not trained for verification.
    """
    found: list[FoldScores] = []
    old: list[dict[str, float]] = []
    first: Optional[tuple[Matcher, Dataset, Predictions]] = None
    notes: dict[str, None] = {}
    for name in folds:
        seen = look(matcher_of(name), config_of(name), cache_dir=cache_dir, progress=progress)
        split = "validation" if name == DEV else "test"
        fold, legacy_metrics = _evaluate_fold(name, seen, split, legacy)
        found.append(replace(fold, people=seen.dataset.people))
        old.append(legacy_metrics)
        first = first or (seen.matcher, seen.dataset, seen.answers(split))
        report = seen.prepared.report
        notes.update({f"Fold {name}: {counted(n, kind)}.": None for kind, n in report.items()})
    assert first is not None, "no fold was named"
    matcher, dataset, predictions = first
    protocol = config_of(folds[0]).data.protocol
    return Outcome(
        title=f"WebCaricature, {protocol}, {_which(folds)}",
        slug=f"webcaricature-{protocol}-{'-'.join(folds) if len(folds) < 10 else 'all'}",
        matcher=matcher,
        folds=tuple(found),
        dataset=dataset,
        predictions=predictions,
        people=dataset.people,
        table="webcaricature-" + ("galleries" if protocol == "identification" else "pairs"),
        notes=(_HOW[protocol], *notes),
        legacy=mean_of(old),
    )


def _which(folds: list[str]) -> str:
    if folds == [DEV]:
        return "view 1 (for tuning)"
    if folds == [str(k) for k in range(1, 11)]:
        return "view 2, folds 1 to 10"
    return f"view 2, fold{'s' if len(folds) > 1 else ''} {', '.join(folds)}"


_HOW = {
    "unrestricted": (
        "All caricatures of the test fold's people are compared with all of their "
        "photos. Thresholds come from the training folds' pairs, so the FAR achieved on "
        "the test fold differs from the FAR asked for."
    ),
    "restricted": (
        "The pairs are the listed ones. Thresholds come from the training folds' pairs, "
        "so the FAR achieved on the test fold differs from the FAR asked for."
    ),
    "identification": (
        "Each probe is compared with its fold's gallery; the distance to a person is that to "
        "their image."
    ),
}


def _evaluate_fold(
    name: str, seen: Looked, split: str, legacy: bool
) -> tuple[FoldScores, dict[str, float]]:
    dataset, prepared, predictions = seen.dataset, seen.prepared, seen.answers(split)
    counts = {f"{modality}s": n for modality, n in prepared.counts[split].items()}
    if dataset.galleries:
        found = identify(predictions, dataset.galleries)
        old = legacy_galleries(predictions, dataset.galleries) if legacy else {}
        return identification_fold(name, found, counts), old
    if split in dataset.crossed:
        fold = score_fold(name, predictions, seen.answers("train")).with_counts(counts)
    else:
        if not prepared.pairs.get("train"):
            raise DatasetError(
                f"{dataset.name}: fold {name}: no training pairs to take thresholds from"
            )
        trials = listed_trials(predictions, prepared.pairs[split])
        others = listed_trials(seen.answers("train"), prepared.pairs["train"])
        verified = verify(trials, others)
        fold = FoldScores(
            name,
            verified.metrics,
            verified.points,
            trials,
            verified.thresholds,
            counts=counts | total_pairs(trials),
            reliability=tuple(told_and_observed(trials, others)),
        )
    return fold, legacy_verification(fold.trials) if legacy and fold.trials else {}
