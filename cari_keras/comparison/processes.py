"""Trainings by `cari-train` in processes of their own, one after another or side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL
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
    """A training that failed.

    Attributes:
        folder: The run's.
        status: cari-train's exit status; -N where signal N ended it.
    """

    folder: Path
    status: int

    def __str__(self) -> str:
        if self.status >= 0:  # cari-train has said why
            return f"{self.folder}: cari-train ended with status {self.status}"
        name = signal.Signals(-self.status).name
        memory = ", as a rule since memory ran out" if name == "SIGKILL" else ""
        return f"{self.folder}: cari-train was ended by {name}{memory}"


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
        jobs: How many train side by side, each on an equal share of the cores. With fewer queues
            there are fewer, with more cores each.
        progress: Print which run begins, and show its progress bar, or, of several side by side,
            how many have ended.
        stdout: Where a training prints to, as `subprocess` has it; None is where this process does.
            Of several side by side nothing is printed.

    Returns:
        The first training that failed, or None.

    Raises:
        ConfigError: `jobs` is not between 1 and the number of cores.
        StoppedError: There was such a signal.
    """
    core_shares(jobs)
    together = min(jobs, max(1, len(queues)))
    trainings = _Trainings(queues, core_shares(together), stdout if together == 1 else DEVNULL)
    quiet = [] if progress and together == 1 else ["--quiet"]
    bar = Progress(total, "runs", unit="run", shown=progress and together > 1)
    before = stop_handlers()
    set_handlers(dict.fromkeys(before, trainings.hand_on))
    try:
        with bar:
            while True:
                for training in trainings.begin(quiet):
                    if progress:
                        bar.write(training.title)
                if not trainings.running:
                    break
                time.sleep(LOOK)
                bar.update(trainings.look())
    finally:
        trainings.stop()
        set_handlers(before)
    if trainings.received:
        raise StoppedError(trainings.received[0])
    return trainings.failure


class _Trainings:
    """What waits, what runs, and why no more begins.

    Args:
        queues: What waits.
        free: Cores for each training that can run beside others.
        stdout: See `train_queues`.
    """

    def __init__(
        self, queues: Sequence[Queue], free: list[Sequence[int]], stdout: Optional[int]
    ) -> None:
        self.running: list[_Running] = []
        self.received: list[int] = []
        self.failure: Optional[Failure] = None
        self._waiting, self._free, self._stdout = list(queues), free, stdout

    def begin(self, more: Sequence[str]) -> Iterator[Training]:
        """Starts a training on all free cores, with more arguments; yields each."""
        while self._waiting and self._free and self.failure is None and not self.received:
            queue = self._waiting.pop(0)
            if (training := next(queue, None)) is None:
                continue
            cores = self._free.pop(0)
            arguments = [*training.arguments, "--output", str(training.folder), *more]
            process = _start(arguments, cores, self._stdout)
            self.running.append(_Running(process, training.folder, queue, cores))
            if self.received:  # before it was among those that are told
                process.send_signal(self.received[-1])
            yield training

    def look(self) -> int:
        """How many trainings have ended since the last look; what waits may take their cores."""
        ended = [each for each in self.running if each.process.poll() is not None]
        for each in ended:
            self.running.remove(each)
            self._free.append(each.cores)
            self._waiting.insert(0, each.queue)
            if each.process.returncode and self.failure is None:
                self.failure = Failure(each.folder, each.process.returncode)
                self._tell(signal.SIGTERM)
        return len(ended)

    def hand_on(self, number: int, _: object) -> None:
        """Handles a signal."""
        self.received.append(number)
        # After a failure they save themselves already, and a second SIGTERM would end that.
        if self.failure is None or len(self.received) > 1:
            self._tell(number)

    def stop(self) -> None:
        """Asks what still runs to stop, and waits for it: nothing runs on without this process."""
        if self.running and not self.received and self.failure is None:
            self._tell(signal.SIGTERM)
        for each in self.running:
            each.process.wait()

    def _tell(self, number: int) -> None:
        for each in self.running:
            each.process.send_signal(number)


def _start(
    arguments: Sequence[str], cores: Sequence[int], stdout: Optional[int]
) -> subprocess.Popen[bytes]:
    """Starts cari-train on some cores."""
    command = [sys.executable, "-m", "cari_keras.cli.train", *arguments]
    mine = usable_cores()
    pins = hasattr(os, "sched_setaffinity") and list(cores) != mine
    try:
        if pins:  # of this thread, whose cores the process inherits
            os.sched_setaffinity(0, cores)
        # In a session of its own, a Ctrl-C does not reach it twice.
        return subprocess.Popen(command, stdout=stdout, start_new_session=True)
    finally:
        if pins:
            os.sched_setaffinity(0, mine)


def core_shares(jobs: int) -> list[Sequence[int]]:
    """The cores that this process may use, in `jobs` equal shares.

    Raises:
        ConfigError: `jobs` is not between 1 and the number of cores.
    """
    cores = usable_cores()
    if not 1 <= jobs <= len(cores):
        raise ConfigError(
            f"--jobs must be between 1 and the number of cores, {len(cores)}. Received: {jobs}"
        )
    each = len(cores) // jobs
    return [cores[i * each : (i + 1) * each] for i in range(jobs)]
