"""Settings that do not go together, or not without another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cari_keras.errors import ConfigError
from cari_keras.ranges import parse_fold
from cari_keras.vocabulary import SHARED

if TYPE_CHECKING:
    from cari_keras.config import Config


def check_together(config: Config) -> None:
    """Raises ConfigError for the first settings that exclude each other.

    Args:
        config: Each of its values is in its own range.
    """
    if config.data.unseen_fold is not None:
        parse_fold(config.data.unseen_fold)
        if config.data.dataset == "webcaricature":
            raise ConfigError(
                "webcaricature has folds of its own that hold people out; name one with "
                f"--fold in place of --unseen-fold. Received: {config.data.unseen_fold}"
            )
    training = config.training
    if config.data.align and training.distribute == "multiworker":
        raise ConfigError(
            "--align works in one process, and multiworker has several; run cari-align "
            "--margin 0.2 first, and name its folder with --no-align. Received: align True"
        )
    if training.frozen_epochs > training.epochs:
        raise ConfigError(
            f"frozen_epochs must be at most epochs, {training.epochs}. "
            f"Received: {training.frozen_epochs}"
        )
    if training.stored_stages != SHARED and not training.frozen_epochs:
        raise ConfigError(
            "stored_stages needs epochs on stored outputs; give --frozen-epochs. "
            f"Received: {training.stored_stages!r}"
        )
    if not config.model.pretrained:
        if training.head_start != "random":
            raise ConfigError(
                "head_start class_means needs a pretrained network; give --pretrained. "
                f"Received: {training.head_start!r}"
            )
        for name in ("retain", "retain_embedding", "keep_statistics"):
            if getattr(training, name):
                raise ConfigError(
                    f"{name} needs a pretrained network to hold to; give --pretrained. "
                    f"Received: {getattr(training, name)}"
                )
        if training.class_vectors != "trained":
            raise ConfigError(
                "class_vectors need a pretrained network; give --pretrained. Received: "
                f"{training.class_vectors!r}"
            )
    if "verification" not in training.tasks:
        for name, off in (("retain_embedding", 0.0), ("class_vectors", "trained")):
            if getattr(training, name) != off:
                raise ConfigError(
                    f"{name} applies to branch 1's embedding; add verification to "
                    f"--tasks. Received: {' and '.join(training.tasks)}"
                )
    if training.class_means and not config.mixes_class_means:
        raise ConfigError(
            "class_means apply to dense heads, and with a margin or fixed class_vectors "
            "branch 1 has a head of cosines; name another task without --head-decay, or "
            "add --shared-bottleneck to class_means 1, or leave one of the two out. "
            f"Received: class_means {training.class_means}, margin {training.margin}, "
            f"class_vectors {training.class_vectors!r}"
        )
    if not training.test_crops:
        raise ConfigError("test_crops must name at least one side. Received: none")
    if not training.tasks:
        raise ConfigError("tasks must name at least one task. Received: none")
    if bool(training.milestones) != (training.schedule == "steps"):
        raise ConfigError("milestones and --schedule steps go together; give both or neither")
