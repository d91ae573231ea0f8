"""What a run leaves to read: steps.csv, metrics.csv, TensorBoard scalars."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cari_keras.evaluation.evaluator import LABELS
from cari_keras.files import atomic_path
from cari_keras.model.network import TASKS
from cari_keras.runtime import file_errors

STEP_COLUMNS = ("iteration", *(f"loss_{t}" for t in TASKS), *(f"weight_{t}" for t in TASKS), "l4")
STEPS_FILE = "steps.csv"
METRICS_FILE = "metrics.csv"


class RunLog:
    """Appends to the run's files; rows from `iteration` on, left by a killed run, are dropped.

    Args:
        run: The run folder, which exists.
        iteration: The first iteration that will be logged.
        epoch: The first epoch that will be logged, counted from 1.
    """

    def __init__(self, run: Path, *, iteration: int = 0, epoch: int = 1) -> None:
        self.run = run
        _keep_rows(run / STEPS_FILE, "iteration", iteration)
        _keep_rows(run / METRICS_FILE, "epoch", epoch)
        self._steps = (run / STEPS_FILE).open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._steps)
        if self._steps.tell() == 0:
            self._writer.writerow(STEP_COLUMNS)
        with self._writing_board():
            self._board = tf.summary.create_file_writer(str(run / "tensorboard"))

    def step(self, iteration: int, values: Sequence[float]) -> None:
        """Logs one iteration's losses, weights and L4."""
        self._writer.writerow([iteration, *(f"{value:.6g}" for value in values)])
        with self._writing_board(), self._board.as_default():
            for name, value in zip(STEP_COLUMNS[1:], values):
                tf.summary.scalar(name.replace("_", "/", 1), float(value), step=iteration)

    def epoch(self, epoch: int, iteration: int, figures: Mapping[str, float]) -> None:
        """Logs one epoch's validation figures, and puts everything on disk."""
        path = self.run / METRICS_FILE
        new = not path.exists() or path.stat().st_size == 0
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(["epoch", "iteration", *figures])
            writer.writerow([epoch, iteration, *(f"{value:.6f}" for value in figures.values())])
        with self._writing_board(), self._board.as_default():
            for name, value in figures.items():
                tf.summary.scalar(f"validation/{name}", value, step=iteration)
        self.flush()

    def flush(self) -> None:
        self._steps.flush()
        with self._writing_board():
            self._board.flush()

    def close(self) -> None:
        self._steps.close()
        with self._writing_board():
            self._board.close()

    def _writing_board(self) -> contextlib.AbstractContextManager[None]:
        return file_errors(self.run / "tensorboard")


def _keep_rows(path: Path, column: str, first: int) -> None:
    """Drops the rows whose `column` is `first` or more, and a last row that was cut short."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows:
        return
    index = rows[0].index(column)
    kept = [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[index]) < first]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        csv.writer(stream).writerows([rows[0], *kept])


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The rows of metrics.csv as numbers, one dict per epoch."""
    path = run / METRICS_FILE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def postfix(values: np.ndarray, tasks: Sequence[str]) -> str:
    """The losses and weights of a step, for the progress bar."""
    losses, weights = values[:3], values[3:6]
    parts = [
        f"{task[:4]} {loss:.2f}x{weight:.2f}"
        for task, loss, weight in zip(TASKS, losses, weights)
        if task in tasks
    ]
    return ", ".join(parts)


def describe(figures: Mapping[str, float]) -> str:
    """Figures in one line, in percent."""
    return (
        ", ".join(f"{LABELS.get(name, name)} {100 * v:.1f}" for name, v in figures.items()) + " %"
    )
