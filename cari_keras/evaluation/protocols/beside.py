"""What training has done for people whom a network was not trained on, in one line."""

from __future__ import annotations

from typing import Any, Optional

from cari_keras.data.prepared import Prepared
from cari_keras.evaluation.matcher import Matcher, load_matcher
from cari_keras.evaluation.trials import crossed_trials
from cari_keras.evaluation.verification import auc
from cari_keras.vocabulary import FACENET, UNKNOWN


def beside_public(
    matcher: Matcher, prepared: Prepared, *, cache_dir: Optional[str] = None, progress: bool = False
) -> str:
    """A network beside the public weights, by all photo-caricature pairs of the split `unknown`.

    Both look at the same views of an image.

    Args:
        matcher: The network; its embeddings are compared, whatever it verifies by.
        prepared: Its dataset.
        cache_dir: The folder that caches predictions.
        progress: Whether to show progress bars.

    Returns:
        One line; empty where the split has no pairs of both kinds, or the network did not start
        from the public weights or does not verify.
    """
    of_public = matcher.config.model.pretrained == FACENET and "verification" in matcher.tasks
    if not of_public or not prepared.count(UNKNOWN):
        return ""
    found = []
    for name in (matcher.name, FACENET):
        network = matcher if name == matcher.name else load_matcher(name, same_views(matcher))
        answers = network.predict(prepared, UNKNOWN, cache_dir=cache_dir, progress=progress)
        trials = crossed_trials(answers, by="embedding")
        if not trials.both_kinds:
            return ""
        found.append(auc(trials.distances, trials.same))
    own, public = found
    told = f"the AUC of its embedding is {own:.2%}, and that of the public weights is {public:.2%}"
    if own < public:
        return (
            f"WORSE THAN UNTRAINED for people whom the run was not trained on: {told}. "
            f"For such people use {FACENET}, or a network trained with --preset strangers."
        )
    return f"For people whom the run was not trained on (the dataset's strangers), {told}."


def same_views(matcher: Matcher) -> dict[str, Any]:
    """How a network looks at an image, as `load_matcher` takes it for another one."""
    own = matcher.settings
    names = ("flip_test", "test_crops", "view_power", "centre")
    return {name: getattr(own, name) for name in names}
