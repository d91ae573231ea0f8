"""A run's history: what a step and an epoch leave to read, by which names, and how it is read.

`steps.csv` has a row an iteration, `metrics.csv` a row a validation. Log, progress bar, plots and
comparisons all take names and order from here.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cari_keras.errors import CheckpointError
from cari_keras.files import user_path
from cari_keras.vocabulary import TASKS

if TYPE_CHECKING:
    import pandas as pd

STEPS_FILE = "steps.csv"
METRICS_FILE = "metrics.csv"

STEP_COLUMNS = ("iteration", *(f"loss_{t}" for t in TASKS), *(f"weight_{t}" for t in TASKS), "l4")


class StepValues(NamedTuple):
    """What a training step tells of itself, all from before its update; tensors or arrays.

    Attributes:
        losses: float32 [3], L1 to L3, in the order of `TASKS`.
        weights: float32 [3], w1 to w3.
        l4: float32 scalar, what the weight head descends; 0 where nothing does.
    """

    losses: Any
    weights: Any
    l4: Any

    def numbers(self) -> StepValues:
        """The same as NumPy arrays; waits for the step."""
        return StepValues(*(value.numpy() for value in self))

    def row(self) -> list[float]:
        """In the order of `STEP_COLUMNS`, without the iteration."""
        return [*map(float, self.losses), *map(float, self.weights), float(self.l4)]


def read_steps(run: Path) -> pd.DataFrame:
    """The columns of a run's steps.csv.

    Raises:
        CheckpointError: The file is missing, or not one.
    """
    import pandas as pd

    path = user_path(run) / STEPS_FILE
    try:
        steps = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a run's steps ({error})") from error
    _check_columns(path, list(steps.columns), STEP_COLUMNS)
    return steps


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.csv as numbers, one dict per validation; none without the file.

    Raises:
        CheckpointError: The file is not one.
    """
    path = user_path(run) / METRICS_FILE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        try:
            _check_columns(path, list(reader.fieldnames or ()), ("epoch", "iteration"))
            return [{name: float(value) for name, value in row.items()} for row in reader]
        except (ValueError, TypeError, csv.Error) as error:
            raise CheckpointError(f"{path}: damaged in line {reader.line_num} ({error})") from error


def _check_columns(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise CheckpointError(f"{path}: has no column {missing[0]}")
