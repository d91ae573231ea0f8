"""Trainings by `cari-train` in processes of their own, one after another or side by side."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from cari_keras.errors import ConfigError, StoppedError
from cari_keras.process import usable_cores
from cari_keras.progress import Progress
from cari_keras.training.stopping import set_handlers, stop_handlers

#: Seconds between two looks at whether a training has ended.
LOOK = 0.1


class Training(NamedTuple):
    """One call of cari-train.

    Attributes:
        folder: The run's.
        title: What is printed as the run begins.
        arguments: Of cari-train; the folder comes after them.
    """

    folder: Path
    title: str
    arguments: Sequence[str]


#: Trainings of which each begins once the one before has ended well. What such a generator does
#: after a `yield` is done once that training has ended.
Queue = Iterator[Training]


class Failure(NamedTuple):
    """The folder of a run that failed, and the exit status; cari-train has said why."""

    folder: Path
    status: int


class _Running(NamedTuple):
    process: subprocess.Popen[bytes]
    folder: Path
    queue: Queue
    cores: Sequence[int]


def train_queues(
    queues: Sequence[Queue],
    total: int,
    *,
    jobs: int = 1,
    progress: bool = True,
    stdout: Optional[int] = None,
) -> Optional[Failure]:
    """Trains all queues, several of them side by side.

    SIGTERM, SIGHUP and Ctrl-C are handed on to the trainings under way, and waited for. Where a
    training fails, no other begins, and those beside it are asked to stop. What has begun, the
    same call goes on with.

    Args:
        queues: In the order in which they begin.
        total: How many trainings there are in all queues.
        jobs: How many train side by side, each on an equal share of the cores.
        progress: Print which run begins, and show its progress bar, or, of several side by side,
            how many have ended.
        stdout: Where they print to, as `subprocess` has it; None is where this process does.

    Returns:
        The first training that failed, or None.

    Raises:
        ConfigError: There are fewer cores than jobs.
        StoppedError: There was such a signal.
    """
    free = core_shares(jobs)
    quiet = [] if progress and jobs == 1 else ["--quiet"]
    bar = Progress(total, "runs", unit="run", shown=progress and jobs > 1)
    waiting = list(queues)
    running: list[_Running] = []
    received: list[int] = []
    failure: Optional[Failure] = None

    def hand_on(number: int, _: object) -> None:
        received.append(number)
        for each in running:
            each.process.send_signal(number)

    before = stop_handlers()
    set_handlers(dict.fromkeys(before, hand_on))
    try:
        while True:
            while waiting and free and failure is None and not received:
                queue = waiting.pop(0)
                if (training := next(queue, None)) is not None:
                    if progress:
                        bar.write(training.title)
                    cores = free.pop(0)
                    arguments = [*training.arguments, "--output", str(training.folder), *quiet]
                    process = _start(arguments, cores if jobs > 1 else (), stdout)
                    running.append(_Running(process, training.folder, queue, cores))
                    if received:  # before it was among those that are told
                        process.send_signal(received[-1])
            if not running:
                break
            time.sleep(LOOK)
            for ended in [each for each in running if each.process.poll() is not None]:
                running.remove(ended)
                free.append(ended.cores)
                waiting.insert(0, ended.queue)
                bar.update()
                if (status := ended.process.returncode) and failure is None:
                    failure = Failure(ended.folder, status)
                    for each in running:
                        each.process.send_signal(signal.SIGTERM)
    finally:
        bar.close()
        set_handlers(before)
    if received:
        raise StoppedError(received[0])
    return failure


def _start(
    arguments: Sequence[str], cores: Sequence[int], stdout: Optional[int]
) -> subprocess.Popen[bytes]:
    """Starts cari-train, on some cores alone if any are named."""
    command = [sys.executable, "-m", "cari_keras.cli.train", *arguments]
    # In a session of its own, a Ctrl-C does not reach it twice.
    process = subprocess.Popen(command, stdout=stdout, start_new_session=True)
    if cores and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(ProcessLookupError):
            # Before Python has started there: all of its threads inherit it.
            os.sched_setaffinity(process.pid, cores)
    return process


def core_shares(jobs: int) -> list[Sequence[int]]:
    """The cores that this process may use, in `jobs` equal shares.

    Raises:
        ConfigError: There are fewer cores than jobs.
    """
    cores = usable_cores()
    if not 1 <= jobs <= len(cores):
        raise ConfigError(
            f"--jobs must be between 1 and the number of cores, {len(cores)}. Received: {jobs}"
        )
    each = len(cores) // jobs
    return [cores[i * each : (i + 1) * each] for i in range(jobs)]
