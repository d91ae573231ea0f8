"""What the reproductions share: one cari-train per variant, gone on with where it was cut off."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cari_keras.comparison.processes import Training, train_queues
from cari_keras.errors import ConfigError, StoppedError


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Adds --jobs: how many runs train side by side."""
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="train this many runs side by side, each on an equal share of the cores",
    )


def train(runs: Mapping[Path, Sequence[str]], *, jobs: int = 1) -> None:
    """Trains runs with cari-train, or goes on with them; a finished one costs seconds.

    Args:
        runs: Run folder -> flags of cari-train.
        jobs: How many train side by side, each on an equal share of the cores.

    Raises:
        SystemExit: cari-train failed, for example since the run was begun with other settings. Or
            it was stopped by a signal; the same call goes on. Or `jobs` is not between 1 and the
            number of cores.
    """
    try:
        queues = [iter([Training(run, str(run), flags)]) for run, flags in runs.items()]
        failure = train_queues(queues, len(runs), jobs=jobs)
    except StoppedError as stopped:
        raise SystemExit(128 + stopped.signal) from None
    except ConfigError as error:
        raise SystemExit(str(error)) from None
    if failure:
        raise SystemExit(str(failure))


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
