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
                "webcaricature's own folds hold people out: --fold K, and no --unseen-fold. "
                f"Received: {config.data.unseen_fold}"
            )
    training = config.training
    if config.data.align and training.distribute == "multiworker":
        raise ConfigError(
            "align cuts faces out by one process, before the workers of multiworker start; run "
            "cari-align --margin 0.2 first, and name its folder with --no-align. "
            "Received: align True"
        )
    if training.frozen_epochs > training.epochs:
        raise ConfigError(
            f"frozen_epochs must be at most epochs, {training.epochs}. "
            f"Received: {training.frozen_epochs}"
        )
    if training.stored_stages != SHARED and not training.frozen_epochs:
        raise ConfigError(
            "stored_stages is about the epochs on stored outputs, and needs --frozen-epochs. "
            f"Received: {training.stored_stages!r}"
        )
    if not config.model.pretrained:
        if training.head_start != "random":
            raise ConfigError(
                "head_start class_means asks the pretrained network, and "
                f"needs --pretrained. Received: {training.head_start!r}"
            )
        for name in ("retain", "retain_embedding", "keep_statistics"):
            if getattr(training, name):
                raise ConfigError(
                    f"{name} holds to what the network began with, and needs --pretrained. "
                    f"Received: {getattr(training, name)}"
                )
        if training.class_vectors != "trained":
            raise ConfigError(
                "class_vectors are made by the pretrained network, and need --pretrained. "
                f"Received: {training.class_vectors!r}"
            )
    if "verification" not in training.tasks:
        for name, off in (("retain_embedding", 0.0), ("class_vectors", "trained")):
            if getattr(training, name) != off:
                raise ConfigError(
                    f"{name} is about branch 1's embedding, and needs verification among --tasks. "
                    f"Received: {' and '.join(training.tasks)}"
                )
    if training.class_means and not config.mixes_class_means:
        raise ConfigError(
            "class_means are mixed into dense heads, and a margin or fixed class_vectors make "
            "branch 1's one of cosines; name another task, without --head-decay, or add "
            "--shared-bottleneck to class_means 1, or leave one of them out. "
            f"Received: class_means {training.class_means}, margin {training.margin}, "
            f"class_vectors {training.class_vectors!r}"
        )
    if not training.test_crops:
        raise ConfigError("test_crops must name at least one side")
    if not training.tasks:
        raise ConfigError("tasks must name at least one task")
    if bool(training.milestones) != (training.schedule == "steps"):
        raise ConfigError("milestones and --schedule steps go together")
