"""Which run answers for which fold of WebCaricature, and with which data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from cari_keras.config import FACENET, FOLD_NAMES, Config
from cari_keras.data.webcaricature.folds import DEV, folds_of
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.matcher import Matcher, load_matcher
from cari_keras.saved import CONFIG


def holds_folds(folder: Path) -> bool:
    """Whether a folder holds runs called `fold-<K>`."""
    return any(_fold_run(folder, fold).is_dir() for fold in FOLD_NAMES)


class FoldRuns:
    """The networks of a protocol's folds.

    Args:
        run: The folder of the runs `fold-1`, `fold-2`, ...; or one run, for its own fold; or
            `facenet`, the same for each fold.
        views: As for `load_matcher`.
        data: Settings of the data that are to replace the runs' own.
    """

    def __init__(self, run: str, views: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        self.run, self.views, self.data = run, views, data
        self.is_one = run == FACENET or (Path(run) / CONFIG).is_file()
        self._loaded: Optional[tuple[str, Matcher]] = None

    def matcher(self, fold: str) -> Matcher:
        """The network of a fold; only the last one is kept, since ten would fill the memory.

        Raises:
            CheckpointError: Its run is missing or damaged.
        """
        name = self.run if self.is_one else str(_fold_run(Path(self.run), fold))
        if self._loaded is None or self._loaded[0] != name:
            if name != FACENET and not (Path(name) / "best").is_dir():
                raise CheckpointError(
                    f"{name}: no trained run; train it with cari-train --dataset webcaricature "
                    f"--fold {fold} --output {name} and its --data-dir and --protocol"
                )
            self._loaded = None
            self._loaded = name, replace(load_matcher(name, self.views), name=self.run)
        return self._loaded[1]

    def config(self, fold: str) -> Config:
        """The settings that name a fold's data."""
        return self.matcher(fold).config.with_values({**self.data, "fold": fold})

    def folds(self, asked: Optional[Sequence[str]]) -> list[str]:
        """The folds to evaluate.

        Args:
            asked: `["all"]` for those of view 2, or names. None: a run's own fold; the folds of
                view 2 that have a run, or else view 1; view 1 for `facenet`.

        Raises:
            CheckpointError: There is no run.
            ConfigError: A name is unknown, the views are mixed, or the data folder is not known.
        """
        if not asked:
            if self.run == FACENET:
                return [DEV]
            if self.is_one:
                return [self.matcher(DEV).config.data.fold]
            there = [fold for fold in FOLD_NAMES if _fold_run(Path(self.run), fold).is_dir()]
            if not there:
                raise CheckpointError(f"{self.run}: neither a run nor a folder of runs fold-1, ...")
            return [fold for fold in there if fold != DEV] or there
        if list(asked) != ["all"]:
            for fold in asked:
                if fold not in FOLD_NAMES:
                    raise ConfigError(f"--folds must be all, dev, or of 1 to 10. Received: {fold}")
            if DEV in asked and len(set(asked)) > 1:
                raise ConfigError("fold dev is view 1, for tuning; it is not averaged with view 2")
            return list(dict.fromkeys(asked))
        data = self.config("1").data
        if not data.data_dir:
            raise ConfigError("WebCaricature's folder is not known; give --data-dir")
        return folds_of(data.data_dir, data.protocol)


def _fold_run(folder: Path, fold: str) -> Path:
    return folder / f"fold-{fold}"
