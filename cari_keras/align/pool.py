"""Worker processes that align files, and outlive any file that kills one of them.

A worker has one thread. It is loaded after it has started, never forked from a loaded process, and
is replaced after some thousand files, since MTCNN's memory creeps. It ends with its parent,
however that ends.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Optional

from cari_keras.align.aligner import Aligner, FileResult, rejected
from cari_keras.align.config import AlignConfig
from cari_keras.errors import AlignError, CariError
from cari_keras.images.layouts import Entry
from cari_keras.workers import end_with_parent

#: Files that a worker aligns before it is replaced.
FILES_PER_WORKER = 2500

#: Files that wait for each worker, so that it never waits for the parent.
_QUEUED = 4

_aligner: Optional[Aligner] = None

#: Why this worker cannot align anything. An initializer that raised would look like a file that
#: kills its worker, each file in its turn.
_failure = ""

#: A file, and what became of it.
Done = tuple[Entry, FileResult]


def align_files(
    entries: Sequence[Entry], raw: Path, config: AlignConfig, workers: int
) -> Iterator[Done]:
    """Aligns files in processes, in whatever order they are done.

    A file whose reading kills its worker is rejected; files that were being read beside it are
    read again.

    Args:
        entries: The files.
        raw: The folder their paths are relative to.
        config: The settings.
        workers: How many processes.

    Raises:
        AlignError: The `mtcnn` package is missing, or a worker cannot start.
    """
    part = FILES_PER_WORKER * workers
    for start in range(0, len(entries), part):
        suspects: list[Entry] = []
        yield from _align_part(entries[start : start + part], raw, config, workers, suspects)
        # Whatever was under way when a worker died: one of them is to blame, so one at a time.
        for entry in suspects:
            blamed: list[Entry] = []
            yield from _align_part([entry], raw, config, 1, blamed)
            for culprit in blamed:
                yield (
                    culprit,
                    FileResult(
                        [rejected(culprit, "the process that read the file was killed")], []
                    ),
                )


def _align_part(
    entries: Sequence[Entry],
    raw: Path,
    config: AlignConfig,
    workers: int,
    suspects: list[Entry],
) -> Iterator[Done]:
    """Aligns files in one set of processes; those unfinished when a process dies go to `suspects`.

    Files that were not yet begun are then aligned in a new set.
    """
    rest = list(reversed(entries))
    while rest:
        executor = ProcessPoolExecutor(
            min(workers, len(rest)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(raw, config),
        )
        under_way: dict[Future[FileResult], Entry] = {}
        try:
            while rest or under_way:
                while rest and len(under_way) < workers * _QUEUED:
                    # Only what was taken in is off the list: submitting fails where a worker died.
                    under_way[executor.submit(_align, rest[-1])] = rest[-1]
                    rest.pop()
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    yield under_way.pop(future), outcome
        except BrokenProcessPool:
            suspects.extend(under_way.values())
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def _start(raw: Path, config: AlignConfig) -> None:
    """Loads a worker."""
    from cari_keras.align.detector import use_one_thread

    global _aligner, _failure
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the workers
    end_with_parent()
    try:
        use_one_thread()
        _aligner = Aligner(raw, config)
    except Exception as error:
        known = isinstance(error, CariError)
        _failure = str(error) if known else f"a worker cannot start ({error!r})"


def _align(entry: Entry) -> FileResult:
    if _aligner is None:
        raise AlignError(_failure)
    return _aligner(entry)
