"""Worker processes: whether they can start, and how they end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from multiprocessing.connection import wait

from cari_keras.errors import ConfigError

#: What a program has to do that starts workers.
_GUARD = (
    "worker processes cannot start from this program, since each one runs its main file "
    'again; put the program\'s code in a file, below `if __name__ == "__main__":`'
)

#: Whether this process, a worker, came to `check_can_start` while it ran the program's file again.
_came_here = False


def check_can_start() -> None:
    """Whether worker processes can start from this program; to be called by functions for Python.

    Without the guard a worker would come to the same call again, and end; whoever waits for its
    work would take the work for what ended it.

    Raises:
        ConfigError: They cannot.
    """
    global _came_here
    # As Python itself finds out, to refuse workers of workers that are still starting.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        _came_here = True
        raise ConfigError(_GUARD)
    first = multiprocessing.get_context("spawn").Process(target=_tell)
    first.start()
    first.join()
    if first.exitcode:
        raise ConfigError(_GUARD)


def _tell() -> None:
    """The work of a worker that only shows whether it can start: it fails where it came here too.

    The program's file may have caught that error.
    """
    sys.exit(int(_came_here))


def end_with_parent() -> None:
    """Called in a worker as it starts; a thread then waits for its parent's end."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
