"""What a network was trained on, in plain values that its exports keep."""

from __future__ import annotations

import contextlib
from typing import Any, Optional

from cari_keras.errors import CheckpointError
from cari_keras.evaluation.matcher import Matcher
from cari_keras.history import read_metrics
from cari_keras.vocabulary import FACENET


def origin_of(matcher: Matcher) -> dict[str, Any]:
    """Where a network comes from.

    Returns:
        - `network`: the run, or `facenet`;
        - `dataset`: its name; None for the public weights, which were trained elsewhere;
        - `people`: how many it was trained on;
        - `steps`: training steps of an epoch, of `batch_size` images each; None if the run's
          metrics.csv does not say;
        - `unseen_fold`: whose people were held out; None where nobody was;
        - `final`: whether the validation images were trained on too;
        - `pretrained`: what training began with, as the setting names it;
        - `epoch`, `epochs`: whose weights these are, of how many;
        - `validation`: metrics of that epoch on the validation split, shares in [0, 1].
    """
    config, public = matcher.config, matcher.run is None
    return {
        "network": matcher.name,
        "dataset": None if public else config.data.dataset,
        "people": len(matcher.identities),
        "steps": _steps(matcher),
        "batch_size": config.data.batch_size,
        "unseen_fold": config.data.unseen_fold,
        "final": config.data.final,
        "pretrained": FACENET if public else config.model.pretrained,
        "epoch": matcher.epoch,
        "epochs": config.training.epochs,
        "validation": dict(matcher.metrics),
    }


def _steps(matcher: Matcher) -> Optional[int]:
    """Training steps of an epoch, from the run's metrics."""
    if matcher.run is None:
        return None
    with contextlib.suppress(CheckpointError, OSError):
        for row in read_metrics(matcher.run):
            return round(row["iteration"] / row["epoch"])
    return None
