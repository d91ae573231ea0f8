"""The datasets for evaluation only, each by the protocol that suits it."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from cari_keras.data.given import SPLIT
from cari_keras.data.judged import load_judged
from cari_keras.errors import ConfigError
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.protocols.crossed import evaluate_crossed
from cari_keras.evaluation.protocols.pairs import evaluate_listed


def evaluate_judged(
    matcher: Matcher,
    name: str,
    root: Path,
    images: Optional[Path] = None,
    *,
    cache_dir: Optional[str] = None,
    progress: bool = False,
    legacy: bool = False,
) -> Outcome:
    """Evaluates a network on one of `vocabulary.JUDGED`.

    Args:
        matcher: The network.
        name: The dataset.
        root: The dataset's folder.
        images: Where its images are, if not in `root`: what cari-align made of them.
        cache_dir: The folder that caches prepared images and predictions.
        progress: Whether to show progress bars.
        legacy: Whether to compute the published code's metrics too.

    Raises:
        DatasetError: The dataset is not as it should be.
        ConfigError: The network was not trained for verification, or `legacy` is not for it.
    """
    judged = load_judged(name, root, images)
    dataset = judged.listed.dataset
    how = {"title": judged.title, "slug": name, "notes": judged.notes}
    kept = {"cache_dir": cache_dir, "progress": progress}
    if SPLIT not in dataset.crossed:
        where = images or root
        return evaluate_listed(matcher, judged.listed, where, legacy=legacy, **how, **kept)  # type: ignore[arg-type]
    if legacy:
        raise ConfigError("--legacy applies only to listed pairs and to galleries; leave it out")
    return evaluate_crossed(matcher, dataset, SPLIT, **how, **kept)  # type: ignore[arg-type]
