"""How a run is validated while it trains; the best predictions are cached for cari-evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

from cari_keras.arrays import Array
from cari_keras.config import Config
from cari_keras.data.prepared import Prepared
from cari_keras.evaluation.answering import AnswerSettings
from cari_keras.evaluation.evaluator import Evaluator, metrics_of
from cari_keras.evaluation.predictions import Predictions, keep, network_key
from cari_keras.files import cache_place
from cari_keras.model.network import named_weights
from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras
from cari_keras.training.averaging import holding
from cari_keras.training.class_means import ClassMeans, Views, with_dense_heads
from cari_keras.vocabulary import MODALITIES

SPLIT = "validation"


def is_due(training: TrainingConfig, done: int) -> bool:
    """Whether a run is validated after its first `done` epochs.

    After the last frozen epoch, the last of all, and every so many in between. Within the frozen
    epochs an evaluation would take many times as long as an epoch.
    """
    since = done - training.frozen_epochs
    return since >= 0 and (since % training.evaluate_every == 0 or done == training.epochs)


class Validation:
    """Metrics of a network on the validation split, as the run's settings ask.

    Args:
        config: The run's settings.
        model: Its network.
        prepared: The prepared dataset.
        modalities: Which training images class means are taken of.
        check: Called before each batch; may raise.
        views: More views of the training images, of which class means are taken too.

    Raises:
        ConfigError: No place is known for the cache.

    Attributes:
        heads: What the last look took in place of the network's own heads, by `layer/weight`: its
            metrics are theirs. Empty where the settings mix no class means in.
    """

    def __init__(
        self,
        config: Config,
        model: keras.Model,
        prepared: Prepared,
        modalities: Sequence[str] = MODALITIES,
        check: Callable[[], None] = lambda: None,
        views: Optional[Views] = None,
    ) -> None:
        self.config, self.prepared, self.check = config, prepared, check
        # Asked now: where no place is known for it, a run ends before it begins.
        self._kept_in = cache_place(config.data.cache_dir, "predictions")
        self._variables = named_weights(model)
        self.settings = AnswerSettings.of(config)
        self.evaluator = Evaluator(
            model,
            prepared,
            SPLIT,
            tasks=config.answered_tasks,
            batch_size=config.data.batch_size,
            settings=self.settings,
        )
        self._class_means: Optional[ClassMeans] = None
        if config.training.class_means:
            self._class_means = ClassMeans(
                model,
                prepared,
                config.training.class_means,
                tasks=with_dense_heads(config),
                trained=config.training.tasks,
                cosine_scale=config.training.margin_scale,
                views=views,
                modalities=modalities,
                batch_size=config.data.batch_size,
                check=check,
            )
        self.heads: dict[str, Array] = {}
        self._answers: Optional[Predictions] = None

    def __call__(self) -> dict[str, float]:
        """Looks at the split with the weights that the network has now.

        Without metrics, an empty dict, where these images are trained on as well (`--final`): what
        they would say takes long and means nothing.
        """
        if self._class_means:
            self.heads = self._class_means()
        if self.config.data.final:
            return {}
        with holding(self._variables, self.heads):
            self._answers = self.evaluator.predict(check=self.check)
        return metrics_of(self._answers, self.prepared.pairs.get(SPLIT, ()))

    def keep(self, weights: str) -> None:
        """Caches the last predictions, so that cari-evaluate need not look again.

        Args:
            weights: SHA-256 of the file that holds the weights they were given by.
        """
        if self._answers is None or not self._answers.paths:
            return
        key = network_key(self.config, weights, self.config.answered_tasks, self.settings)
        keep(self._kept_in, key, self.prepared, SPLIT, self._answers)
