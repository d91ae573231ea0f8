"""The process that the package runs in: its standard streams, its cores, whether it was forked."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from cari_keras.errors import ConfigError

#: What errors of standard output name as their file.
STDOUT = "standard output"

#: Whether this process is a child of one in which TensorFlow had started.
_forked = False

#: Processes in which TensorFlow was used by the package.
_users: set[int] = set()


def check_not_forked() -> None:
    """To be called before TensorFlow computes anything.

    A forked child has TensorFlow's locks, and none of the threads that would open them.

    Raises:
        ConfigError: This process was forked from one in which TensorFlow had started; it would
            wait for ever.
    """
    _users.add(os.getpid())
    if _forked or len(_users) > 1:
        raise ConfigError(
            "this process was forked from one in which TensorFlow had started, so "
            "TensorFlow would wait for ever; load the model only in the child, or start "
            "children with multiprocessing.get_context('spawn')"
        )


def _after_fork() -> None:
    global _forked
    # Of whoever else uses TensorFlow in this process. It has no public name.
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    _forked = _forked or getattr(context, "_context_handle", None) is not None


os.register_at_fork(after_in_child=_after_fork)


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may use, of which `taskset` can leave it a few."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class _Output(io.FileIO):
    """Standard output; its errors have a name, as those of files."""

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, STDOUT) from error


class _Messages(io.FileIO):
    """Standard error; work does not end because nobody can be told of it."""

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def fill_closed_streams() -> list[str]:
    """Lets standard streams that the process was started without lead nowhere; returns their names.

    Python has None in their place. The next file that is opened would get such a stream's number,
    and whatever libraries write to the stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            os.set_inheritable(number, True)
    closed = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    return closed


@contextlib.contextmanager
def own_streams() -> Iterator[list[str]]:
    """A program's standard streams, whatever it was started with.

    Yields the names of those that are closed. What is written to standard error never raises. What
    standard output refuses raises an OSError of the file name `STDOUT`. Names that are not UTF-8
    are printed with their bytes as such.
    """
    closed = fill_closed_streams()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _over(sys.stdout, _Output), _over(sys.stderr, _Messages)
    try:
        yield closed
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        sys.stdout, sys.stderr = before


def _over(stream: Any, kind: type[io.FileIO]) -> Any:
    """A stream to the same place; the stream itself where it is no file's, as in notebooks."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        stream.flush()
        file = kind(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError, AttributeError):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or kind is _Messages,
    )


def drop_output() -> None:
    """What standard output could not take is not written again as the process ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
