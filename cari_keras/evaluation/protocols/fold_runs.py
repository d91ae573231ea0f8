"""Which run is evaluated on which fold of people never seen, and with which data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from cari_keras.config import Config
from cari_keras.data.webcaricature.folds import folds_of
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.matcher import Matcher, load_matcher
from cari_keras.files import user_path
from cari_keras.ranges import parse_fold
from cari_keras.saved import CONFIG, read_config
from cari_keras.vocabulary import DEV, FACENET, FOLDS


def holds_folds(folder: Path) -> bool:
    """Whether a folder holds runs called `fold-<K>`."""
    return bool(_runs_of(folder))


def _runs_of(folder: Path) -> dict[str, Path]:
    """The runs called `fold-<K>` by K, in order, `dev` last."""
    found = {path.name.removeprefix("fold-"): path for path in folder.glob("fold-*")}
    folds = [name for name in found if found[name].is_dir() and (name == DEV or name.isdigit())]
    return {name: found[name] for name in sorted(folds, key=lambda n: (n == DEV, n.zfill(4)))}


def run_of(name: str) -> Optional[Path]:
    """One run of those that a name stands for; None where it stands for the public weights.

    Raises:
        CheckpointError: There is no run.
    """
    run = user_path(name)
    if (run / CONFIG).is_file():
        return run
    if name == FACENET:
        return None
    return _first(run)


def _first(folder: Path) -> Path:
    """The first of a folder's runs `fold-<K>`."""
    found = [path for path in _runs_of(folder).values() if (path / CONFIG).is_file()]
    if not found:
        raise CheckpointError(
            f"{folder}: neither a run's folder nor a folder of runs fold-1, fold-2 and so on"
        )
    return found[0]


class FoldRuns:
    """The networks of a protocol's folds: WebCaricature's own, or the unseen folds of a dataset.

    Args:
        run: The folder of the runs `fold-1`, `fold-2`, ...; or one run, for its own fold; or
            `facenet`, the same for each fold.
        changes: As for `load_matcher`.
        data: Settings of the data that are to replace the runs' own.

    Attributes:
        unseen: An unseen fold of the dataset, which says how many there are; None where the folds
            are WebCaricature's.

    Raises:
        CheckpointError: A run's settings cannot be read.
        ConfigError: The unseen fold that `data` names is none.
    """

    def __init__(self, run: str, changes: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        self.run, self.changes, self.data = str(user_path(run)), changes, data
        self.is_one = run == FACENET or (Path(run) / CONFIG).is_file()
        self._loaded: Optional[tuple[str, Matcher]] = None
        asked = data.get("unseen_fold")
        if asked is None and run != FACENET:
            known = [Path(run)] if self.is_one else list(_runs_of(Path(run)).values())
            there = next((path for path in known if (path / CONFIG).is_file()), None)
            asked = read_config(there).data.unseen_fold if there else None
        self.unseen = parse_fold(asked) if asked else None

    def matcher(self, fold: str) -> Matcher:
        """The network of a fold; only the last one is kept, since ten would fill the memory.

        Raises:
            CheckpointError: Its run is missing or damaged.
        """
        name = self.run if self.is_one else str(_fold_run(Path(self.run), fold))
        if self._loaded is None or self._loaded[0] != name:
            if name != FACENET and not (Path(name) / "best").is_dir():
                flags = f"--dataset webcaricature --fold {fold}"
                if self.unseen:
                    flags = f"--unseen-fold {fold}/{self.unseen.folds}"
                raise CheckpointError(
                    f"{name}: no trained run; train it with cari-train {flags} --output {name} and "
                    f"its --data-dir and {'--dataset' if self.unseen else '--protocol'}"
                )
            self._loaded = None
            self._loaded = name, replace(load_matcher(name, self.changes), name=self.run)
        return self._loaded[1]

    def config(self, fold: str) -> Config:
        """The settings that name a fold's data."""
        own = {"unseen_fold": f"{fold}/{self.unseen.folds}"} if self.unseen else {"fold": fold}
        return self.matcher(fold).config.with_values({**self.data, **own})

    def folds(self, asked: Optional[Sequence[str]]) -> list[str]:
        """The folds to evaluate.

        Args:
            asked: `["all"]` for all there are, of WebCaricature those of view 2; or names. None: a
                run's own fold; those that have a run, of WebCaricature those of view 2 or else view
                1; for `facenet` the one that `data` names, of WebCaricature view 1.

        Raises:
            CheckpointError: There is no run.
            ConfigError: A name is unknown, the views are mixed, or the data folder is not known.
        """
        if not asked:
            return self._there()
        every = [str(k) for k in range(1, self.unseen.folds + 1)] if self.unseen else list(FOLDS)
        if list(asked) != ["all"]:
            for fold in asked:
                if fold not in every:
                    known = "all, " if self.unseen else "all, dev, "
                    last = self.unseen.folds if self.unseen else FOLDS[-1]
                    raise ConfigError(
                        f"--folds must be {known}or numbers from 1 to {last}. Received: {fold}"
                    )
            if DEV in asked and len(set(asked)) > 1:
                raise ConfigError(
                    "fold dev is view 1, for tuning, and is not averaged with the folds "
                    "of view 2; name it alone"
                )
            return list(dict.fromkeys(asked))
        if self.unseen:
            return every
        data = self.config("1").data
        if not data.data_dir:
            raise ConfigError("WebCaricature's folder is not known; give --data-dir")
        return folds_of(data.data_dir, data.protocol)

    def _there(self) -> list[str]:
        if self.is_one and self.unseen:
            return [str(self.unseen.number)]
        if self.run == FACENET:
            return [DEV]
        if self.is_one:
            return [self.matcher(DEV).config.data.fold]
        there = list(_runs_of(Path(self.run)))
        if not there:
            raise CheckpointError(
                f"{self.run}: neither a run's folder nor a folder of runs fold-1, fold-2 and so on"
            )
        return [fold for fold in there if fold != DEV] or there


def _fold_run(folder: Path, fold: str) -> Path:
    return folder / f"fold-{fold}"
