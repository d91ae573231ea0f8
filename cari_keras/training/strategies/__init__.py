"""How the task losses are weighed: a strategy a file, called by its name in `--weighting`.

Adding one is adding its name to `cari_keras.vocabulary.STRATEGIES`, and a file of that name here
that defines a class `Weighting`, derived from `cari_keras.training.strategies.base.Strategy`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from cari_keras.errors import ConfigError
from cari_keras.vocabulary import SHARED, STRATEGIES, check_word

if TYPE_CHECKING:
    from cari_keras.sections import TrainingConfig
    from cari_keras.training.strategies.base import Strategy


def strategy_class(name: str) -> type[Strategy]:
    """The class of a strategy.

    Raises:
        ConfigError: There is none of that name.
    """
    check_word("weighting", name, STRATEGIES)
    found: type[Strategy] = import_module(f"{__name__}.{name}").Weighting
    return found


def check_strategy(training: TrainingConfig) -> None:
    """Whether a run's strategy can do with its other settings; TensorFlow is loaded, not started.

    Raises:
        ConfigError: It cannot.
    """
    strategy = strategy_class(training.weighting)
    branches_alone = training.frozen_epochs and training.stored_stages == SHARED
    if branches_alone and (strategy.needs_norms or strategy.needs_gram):
        raise ConfigError(
            f"--weighting {training.weighting} needs gradients of a shared layer, and the frozen "
            "epochs train none; add --stored-stages block17, or use --frozen-epochs 0"
        )
    strategy.check(training)
