"""Which runs a comparison consists of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cari_keras.config import Config
from cari_keras.errors import ConfigError
from cari_keras.runtime import load_tensorflow
from cari_keras.saved import SHARED_OUTPUTS
from cari_keras.training.strategies import check_strategy
from cari_keras.vocabulary import STRATEGIES

#: What the differences are taken to.
REFERENCE = "equal"

#: What `all` stands for: `single` weighs nothing, and `static` has to be told its weights.
EVERY = tuple(name for name in STRATEGIES if name not in ("single", "static"))


class PlannedRun(NamedTuple):
    """One training run of a comparison.

    Attributes:
        strategy: The row of the table it belongs to.
        seed: Its seed.
        name: Of its folder.
        config: All of its settings.
    """

    strategy: str
    seed: int
    name: str
    config: Config

    @property
    def folder(self) -> Path:
        """Where it is trained."""
        return Path(str(self.config.training.output))


def named_strategies(words: Sequence[str]) -> list[str]:
    """The strategies that words name: the names as they are, and `EVERY` in place of `all`."""
    return [name for word in words for name in (EVERY if word == "all" else (word,))]


def plan_runs(
    config: Config, strategies: Sequence[str], seeds: Sequence[int], folder: Path
) -> list[PlannedRun]:
    """Every strategy with every seed, seed by seed, so that a comparison cut short is balanced.

    `single` is a run for each of the configuration's tasks, which make one row together, as in the
    paper's tables.

    Args:
        config: The settings that the runs share.
        strategies: Names of `cari_keras.training.strategies`.
        seeds: Seeds.
        folder: Where the runs' folders go.

    Raises:
        ConfigError: A strategy cannot do with the settings, something is named twice, or there is
            one task alone, which leaves nothing to weigh.
    """
    if len(config.training.tasks) < 2 and set(strategies) != {"single"}:
        raise ConfigError(
            f"the recipe trains only {config.training.tasks[0]}, so there is nothing to "
            "weigh; add --preset cavi-short or --preset cavi-facenet"
        )
    for title, named in (("strategies", strategies), ("seeds", seeds)):
        if len(set(named)) < len(named):
            raise ConfigError(f"{title} must each be named once. Received: {list(named)}")
    load_tensorflow()  # which the strategies are written in
    runs = []
    for seed in seeds:
        for strategy in strategies:
            changes: list[tuple[str, dict[str, Any]]] = [(strategy, {})]
            if strategy == "single":
                changes = [(f"single-{task}", {"tasks": (task,)}) for task in config.training.tasks]
            for name, values in changes:
                name = f"{name}-{seed}"
                own = {"weighting": strategy, "seed": seed, "output": str(folder / name)}
                if config.training.frozen_epochs:
                    own["frozen_dir"] = str(folder / SHARED_OUTPUTS / f"seed-{seed}")
                changed = config.with_values({**own, **values})
                check_strategy(changed.training)
                runs.append(PlannedRun(strategy, seed, name, changed))
    return runs
