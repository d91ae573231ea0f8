"""What the reproductions share: one cari-train per variant, gone on with where it was cut off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cari_keras.comparison.runner import call_train
from cari_keras.errors import StoppedError


def train(run: Path, flags: Sequence[str]) -> None:
    """Trains a run with cari-train, or goes on with it; a finished one costs seconds.

    Raises:
        SystemExit: cari-train failed, for example since the run was begun with other settings; it
            has said why. Or it was stopped by a signal; the same call goes on.
    """
    try:
        status = call_train(["--output", str(run), *flags])
    except StoppedError as stopped:
        status = 128 + stopped.signal
    if status:
        raise SystemExit(status)


def evaluate(run: Path, *, test: bool = False, **changes: Any) -> dict[str, Any]:
    """A trained run's figures at its best epoch; kept in the run folder, and read from there.

    Those of other weights, or of a dataset that has changed since, are taken anew.

    Args:
        run: The run folder.
        test: Use the test split where its images are there, with the verification threshold of the
            validation pairs.
        changes: Of `AnswerSettings`, what is not to be as in the run.

    Returns:
        The figures, `split`: which split they are of, and `of`: the weights and the dataset that
        gave them.
    """
    from cari_keras.data.registry import load_dataset
    from cari_keras.model.checkpoints import read_meta
    from cari_keras.saved import read_config

    weights = read_meta(run / "best")["sha256"]
    of = {"weights": weights, "dataset": load_dataset(read_config(run)).fingerprint}
    named = "-".join(f"{name}_{value}" for name, value in sorted(changes.items()))
    stored = run / "evaluation" / f"{'test' if test else 'validation'}-{named or 'own'}.json"
    if stored.is_file():
        kept = dict(json.loads(stored.read_text(encoding="utf-8")))
        if kept.get("of") == of:
            return kept
    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set
    from cari_keras.files import write_json
    from cari_keras.runtime import in_order

    # As cari-evaluate asks, since answers are kept for both.
    with in_order():
        matcher = load_matcher(str(run), changes)
        outcome = evaluate_closed_set(matcher, matcher.config, split=None if test else "validation")
    result = {"split": outcome.folds[0].name, "of": of, **outcome.folds[0].metrics}
    write_json(stored, result)
    return result


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV, atomically."""
    from cari_keras.files import write_text

    write_text(path, table.to_csv(index=False))
