"""Known people: the protocol of Table 2, for CaVI and every dataset with a split of images.

Verification over the split's pairs; photo and caricature identification by the heads of branches 3
and 2 on their own modality; V2C, branch 3 on caricatures; C2V, branch 2 on photos. The threshold of
the test pairs is the best of the validation pairs; that of the validation pairs, and of the test
pairs where the network was trained on the validation images, comes from two-fold cross-validation
over their identities.
"""

from __future__ import annotations

from typing import Optional

from cari_keras.align.before import load_faces
from cari_keras.config import Config
from cari_keras.data.prepare import prepare
from cari_keras.data.prepared import Prepared
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.calibration import told_and_observed
from cari_keras.evaluation.evaluator import IDENTIFICATION, identification, rank1
from cari_keras.evaluation.legacy import legacy_verification
from cari_keras.evaluation.listed_intervals import intervals_of
from cari_keras.evaluation.matcher import Matcher, judge_of
from cari_keras.evaluation.outcome import Outcome, total_pairs
from cari_keras.evaluation.probability import ReliabilityBin
from cari_keras.evaluation.scoring import FoldScores, Verified, verify
from cari_keras.evaluation.trials import Trials, listed_trials
from cari_keras.wording import counted


def evaluate_closed_set(
    matcher: Matcher,
    config: Config,
    *,
    thresholds_of: Optional[str] = None,
    split: Optional[str] = None,
    cache_dir: Optional[str] = None,
    progress: bool = False,
    legacy: bool = False,
) -> Outcome:
    """Evaluates a network on a split of the dataset that it was trained on.

    Args:
        matcher: The network.
        config: Names the dataset.
        thresholds_of: The run whose validation pairs give the test pairs' threshold; by default the
            network's own, or none: see `judge_of`. Without one, the test pairs' is cross-validated
            within them, as that of the validation pairs always is.
        split: `validation` or `test`; by default `test` where its images are there.
        cache_dir: The folder that caches prepared images and predictions; by default that of
            `config`.
        progress: Whether to show progress bars.
        legacy: Whether to compute the published code's metrics too.

    Raises:
        DatasetError: The dataset is not as it should be, is of other people, or lacks the split.
        ConfigError: The other run's thresholds do not fit, or the split is `validation`.
    """
    judge = judge_of(matcher, thresholds_of)
    cache_dir = cache_dir or config.data.cache_dir
    dataset = load_faces(config, progress=progress)
    prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, progress=progress)
    split = split or ("test" if prepared.count("test") else "validation")
    if not prepared.count(split):
        raise DatasetError(
            f"{dataset.name}: has no images of the {split} split; name another --split"
        )
    if split != "test" and thresholds_of is not None:
        raise ConfigError(
            "only the test split takes another run's thresholds, and this is the split "
            f"{split} ({dataset.name} has {prepared.count('test')} test images here)"
        )
    matcher.check_heads(prepared)
    predictions = matcher.predict(prepared, split, cache_dir=cache_dir, progress=progress)
    notes = matcher.on_other_crops(prepared)
    notes += [f"{counted(count, kind)}." for kind, count in prepared.report.items()]
    trials, verified = None, Verified({}, (), None)
    rows: list[ReliabilityBin] = []
    if "embedding" in predictions.outputs and prepared.pairs.get(split):
        trials = listed_trials(predictions, prepared.pairs[split])
        chosen_on = None
        if judge and split == "test" and (pairs := prepared.pairs.get("validation")):
            known = judge.predict(prepared, "validation", cache_dir=cache_dir, progress=progress)
            chosen_on = listed_trials(known, pairs)
        verified = verify(trials, chosen_on)
        rows = told_and_observed(trials, chosen_on)
        notes.insert(0, _threshold_note(split, chosen_on, judge))
    if matcher.config.data.final:
        notes.insert(0, _FINAL[split])
    named = {name: rank1(*asked) for name, asked in identification(predictions).items()}
    metrics = {**verified.metrics, **named}
    fold = FoldScores(
        name=split,
        metrics=_in_order(metrics),
        points=verified.points,
        trials=trials,
        thresholds=verified.thresholds,
        counts=_counts(prepared, split, trials),
        reliability=tuple(rows),
    )
    return Outcome(
        title=f"{_TITLES.get(dataset.name, dataset.name)}, {split} split",
        slug=f"{dataset.name}-{split}",
        matcher=matcher,
        folds=(fold,),
        dataset=dataset,
        predictions=predictions,
        people=dataset.people,
        table="cavi" if dataset.name == "cavi" else None,
        notes=tuple(notes),
        intervals=intervals_of(predictions, [fold]),
        legacy=legacy_verification(trials) if legacy and trials is not None else {},
    )


_TITLES = {"cavi": "CaVI", "demo": "The embedded demo", "folder": "The folder dataset"}


#: What to know of a run with --final, by the split that it is evaluated on.
_FINAL = {
    "validation": "The network was trained on these images, so the metrics mean nothing.",
    "test": "The network was trained on the validation images too, so it has no thresholds; "
    "--thresholds-of RUN takes those of a run without --final.",
}


def _threshold_note(split: str, chosen_on: Optional[Trials], judge: Optional[Matcher]) -> str:
    if chosen_on is not None and judge is not None:
        return (
            "Verification thresholds come from "
            f"{counted(len(chosen_on.same), 'validation pairs')}, by the predictions of "
            f"{judge.name}."
        )
    return (
        "Verification accuracy: threshold by two-fold cross-validation over identities. TAR at FAR "
        f"is read off the {split} pairs' own ROC curve."
    )


def _in_order(metrics: dict[str, float]) -> dict[str, float]:
    """Table 2's columns first."""
    first = ["verification_accuracy", *IDENTIFICATION]
    order = [name for name in first if name in metrics]
    return {name: metrics[name] for name in [*order, *(n for n in metrics if n not in order)]}


def _counts(prepared: Prepared, split: str, trials: Optional[Trials]) -> dict[str, int]:
    counts = {f"{modality}s": n for modality, n in prepared.counts[split].items()}
    return counts | (total_pairs(trials) if trials is not None else {})
