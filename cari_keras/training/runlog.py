"""What a run leaves to read: steps.csv, metrics.csv, TensorBoard scalars."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from cari_keras.errors import CheckpointError
from cari_keras.evaluation.labels import LABELS
from cari_keras.files import atomic_path
from cari_keras.history import METRICS_FILE, STEP_COLUMNS, STEPS_FILE, StepValues
from cari_keras.runtime import file_errors
from cari_keras.vocabulary import TASKS


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

    def step(self, iteration: int, values: StepValues) -> None:
        """Logs one iteration's losses, weights and L4."""
        row = values.row()
        self._writer.writerow([iteration, *(f"{value:.6g}" for value in row)])
        with self._writing_board(), self._board.as_default():
            for name, value in zip(STEP_COLUMNS[1:], row):
                tf.summary.scalar(name.replace("_", "/", 1), value, step=iteration)

    def epoch(self, epoch: int, iteration: int, metrics: Mapping[str, float]) -> None:
        """Logs one epoch's validation metrics, and puts everything on disk."""
        path = self.run / METRICS_FILE
        new = not path.exists() or path.stat().st_size == 0
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(["epoch", "iteration", *metrics])
            writer.writerow([epoch, iteration, *(f"{value:.6f}" for value in metrics.values())])
        with self._writing_board(), self._board.as_default():
            for name, value in metrics.items():
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
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        if not rows:
            return
        index = rows[0].index(column)
        kept = [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[index]) < first]
    except (ValueError, csv.Error) as error:
        raise CheckpointError(f"{path}: damaged ({error}); remove the file to continue") from error
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        csv.writer(stream).writerows([rows[0], *kept])


def postfix(values: StepValues, tasks: Sequence[str]) -> str:
    """The losses and weights of a step, for the progress bar, in which room is short.

    Example:
        >>> postfix(StepValues((1.234, 12.34, 0.5), (0.333, 1.0, 0.04), 0.0), TASKS)
        'V 1.23x.33 C 12.3x1.0 P .500x.04'
    """
    return " ".join(
        f"{task[0].upper()} {_digits(loss, 3)}x{_digits(weight, 2)}"
        for task, loss, weight in zip(TASKS, values.losses, values.weights)
        if task in tasks
    )


def _digits(value: float, count: int) -> str:
    """A number from 0 with so many digits, or all before its point."""
    whole = "" if value < 1 else str(int(value))
    text = f"{value:.{max(count - len(whole), 0)}f}".removeprefix("0")
    return text[: count + 1].rstrip(".") if "." in text else text


def describe(metrics: Mapping[str, float]) -> str:
    """Metrics in one line, in percent; `-` for those that are undefined."""
    told = (
        f"{LABELS.get(name, name)} {'-' if math.isnan(value) else f'{100 * value:.1f}'}"
        for name, value in metrics.items()
    )
    return f"{', '.join(told)} %"
