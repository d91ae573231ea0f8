"""Training in one call of Python: the settings, the recipes and the run folders of cari-train."""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from cari_keras.asked import longer, new_run, same_run, unusual
from cari_keras.cards import card
from cari_keras.config import Config
from cari_keras.errors import StoppedError
from cari_keras.history import read_metrics
from cari_keras.sections import SECTIONS
from cari_keras.serving.loading import load_model
from cari_keras.settings import check_bool, settings
from cari_keras.training.run import Caller, train_run
from cari_keras.workers import check_can_start

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel


@dataclass(frozen=True)
class Trained:
    """A run that was trained to its end.

    Attributes:
        run: Its folder, which `load_model` and all commands take.
        epoch: The epoch whose weights the run uses; None where another worker holds them.
        metrics: Validation metrics of that epoch, shares in [0, 1], named as in metrics.csv; empty
            where there is nothing to validate on.
        history: A row of metrics.csv for each validation: `epoch`, `iteration` and metrics.
        told: The lines that cari-train prints at the start: what the dataset holds, what was left
            out of it, which settings were fitted, and where training began.
    """

    run: Path
    epoch: Optional[int]
    metrics: Mapping[str, float]
    history: Sequence[Mapping[str, float]] = field(repr=False)
    told: Sequence[str] = field(repr=False)

    def load(self, **how: Any) -> FaceModel:
        """The trained network, ready for use; takes the arguments of `load_model`."""
        return load_model(self.run, **how)

    def __str__(self) -> str:
        """The run and its metrics in a line.

        Example:
            >>> print(Trained(Path("runs/cavi"), 34, {"v2c": 0.89}, [], []))
            runs/cavi, weights of epoch 34: V2C 89.0 %
        """
        where = ", ".join([str(self.run), *self._weights()])
        return f"{where}: {', '.join(self._metrics()) or 'no validation metrics'}"

    def _repr_html_(self) -> str:
        """The run and its metrics as a small card, for notebooks."""
        return card(str(self.run), [*self._weights(), *self._metrics()])

    def _weights(self) -> list[str]:
        return [] if self.epoch is None else [f"weights of epoch {self.epoch}"]

    def _metrics(self) -> list[str]:
        from cari_keras.evaluation.labels import label

        known = [(name, share) for name, share in self.metrics.items() if math.isfinite(share)]
        return [f"{label(name)} {100 * share:.1f} %" for name, share in known]


def train(
    data_dir: Union[str, os.PathLike[str], None] = None,
    *,
    dataset: Optional[str] = None,
    preset: Optional[str] = None,
    output: Union[str, os.PathLike[str], None] = None,
    resume: Union[str, os.PathLike[str], None] = None,
    progress: bool = True,
    **others: Any,
) -> Trained:
    """Trains a network as `cari-train` does, or resumes a run.

    If `output` names an existing run, the call resumes it, as the command does. `resume` does so
    with the run's own settings. A finished run is not trained again.

    Args:
        data_dir: The dataset's folder.
        dataset: `demo`, `cavi`, `folder` or `webcaricature`; None is the preset's, or the demo.
        preset: The recipe to start from, see `cari_keras.presets`; None is the dataset's.
        output: The run's folder; None makes a new one in `runs/`.
        resume: The folder of a run to resume.
        progress: Show progress bars on standard error, and print the lines of `Trained.told` and a
            line for each validation. Otherwise the call prints nothing.
        **others: Any setting of `cari_keras.sections`. The names are those of the flags of
            `cari-train --help-all`, with `_` for `-`: `epochs=20`, `batch_size=32`,
            `pretrained=None`. Other settings are the preset's, fitted to the data.

    Returns:
        The run, its metrics and, by `.load()`, the network.

    Raises:
        ConfigError: There is no such setting, or a value is out of range; the run was begun with
            other settings; or the run is to be repeatable, as by default, and TensorFlow has
            computed in this process already: then call `train` first, or with `repeatable=False`.
        DatasetError: The dataset is missing, or there is too little of it.
        CheckpointError: There is no run to resume, or the run is damaged.
        PretrainedError: The weights to start from are missing or do not fit.
        TrainingError: Another process trains the run, or a loss is not finite.
        StoppedError: SIGTERM or Ctrl-C came during training in the main thread; everything is
            saved.

    This process prepares the images, unless `workers` asks for more processes. Each of these runs
    the program's main file again, so the call must then stand below `if __name__ == "__main__":`.

    Example:
        >>> import cari_keras
        >>> trained = cari_keras.train(
        ...     "aligned", dataset="folder", output="runs/mine"
        ... )  # doctest: +SKIP
        >>> print(trained)  # doctest: +SKIP
        runs/mine, weights of epoch 48: Verification 96.9 %, AUC 99.2 %, Photo id. 95.0 %
        >>> trained.load().identify("drawing.jpg", modality="caricature")  # doctest: +SKIP
    """
    check_bool("progress", progress)
    named = {"data_dir": data_dir, "dataset": dataset, "output": output}
    values = _values({name: v for name, v in named.items() if v is not None} | others)
    if resume is not None:
        asked = same_run(resume, preset, values, output=_Program.output)
    else:
        asked = new_run(preset, values)
    if (asked.config.training.workers or 1) > 1:
        check_can_start()
    program = _Program(progress=progress)
    try:
        with _own_random_numbers():
            train_run(asked, program)
    except StoppedError as stopped:
        raise StoppedError(stopped.signal, program.resume(asked.run)) from None
    return _trained(asked.run, program.lines)


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as their fields hold them."""
    items = {item.name: item for section in SECTIONS.values() for item in settings(section)}
    return {name: items[name].value_of(v) if name in items else v for name, v in given.items()}


class _Program(Caller):
    """A program that calls `train`."""

    output = "output"
    workers = 1  # more would run the program's main file again

    def __init__(self, *, progress: bool) -> None:
        self.progress = self._printing = progress
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)
        if self._printing:
            print(line, flush=True)

    def resume(self, run: Path) -> str:
        return f"cari_keras.train(resume={str(run)!r})"

    def longer(self, run: Path, config: Config, epochs: int) -> str:
        values = {"dataset": config.data.dataset} | unusual(longer(run, config, epochs))
        return f"cari_keras.train({', '.join(f'{name}={v!r}' for name, v in values.items())})"


@contextlib.contextmanager
def _own_random_numbers() -> Iterator[None]:
    """The seed of a run leaves the random numbers of the program as they were."""
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _trained(run: Path, told: Sequence[str]) -> Trained:
    """What a run's folder says at its end; a worker that is not the first may not have it."""
    from cari_keras.model.checkpoints import META, read_meta

    best = run / "best"
    meta = read_meta(best) if (best / META).is_file() else {}
    return Trained(run, meta.get("epoch"), meta.get("metrics", {}), read_metrics(run), tuple(told))
