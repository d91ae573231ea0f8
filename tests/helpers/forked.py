"""Programs in processes of their own, forked from one that has imported TensorFlow.

To import TensorFlow takes four seconds of processor time, and the tests run hundreds of commands.
So each process of pytest has a server that imports it, computes nothing, and is forked for each
command. What is about the imports themselves needs a bare process: `commands.run_python`.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

import pytest

#: The project; `places`, which has it too, imports the package.
ROOT = Path(__file__).resolve().parents[2]


def project_on_path():
    """The environment, with the project on its path."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_forked(program, *arguments, cwd=None, timeout=600):
    """Runs a module by its name, or a script by its path, as `python -m` or `python` does.

    Returns:
        A `subprocess.CompletedProcess` with the text of both streams.
    """
    with Forked(program, *arguments, cwd=cwd) as process:
        out, err = process.communicate(timeout)
    return subprocess.CompletedProcess(process.words, process.returncode, out, err)


class Forked:
    """A program that goes on meanwhile, with what the tests need of `subprocess.Popen`.

    Args:
        program: A module's name, or a script's absolute path.
        arguments: What stands behind it.
        cwd: The folder that it runs in.
        environment: Further variables.
    """

    def __init__(self, program, *arguments, cwd=None, environment=()):
        self.words = [str(program), *map(str, arguments)]
        self._folder = tempfile.TemporaryDirectory()
        self._streams = [Path(self._folder.name) / name for name in ("out", "err")]
        for stream in self._streams:
            stream.touch()
        given = {**project_on_path(), **dict(environment)}
        is_script = Path(program).is_absolute()
        arguments = (self.words, is_script, cwd or Path.cwd(), given, self._streams)
        self._process = _server().Process(target=_run, args=arguments)
        self._process.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._process.join()
        self._folder.cleanup()

    @property
    def returncode(self):
        """As `subprocess` has it: -N of a process that signal N ended; None while it goes on."""
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def read(self):
        """What it has written on its two streams so far."""
        return tuple(stream.read_text(encoding="utf-8") for stream in self._streams)

    def communicate(self, timeout):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.words, timeout, *self.read())
        return self.read()

    def send_signal(self, number):
        os.kill(self._process.pid, number)

    def kill(self):
        self._process.kill()


@cache
def _server():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.helpers.preloaded"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()
    return context


def _run(words, is_script, folder, environment, streams):
    """In the forked process: what the interpreter does before a program, and after it."""
    assert "tensorflow" in sys.modules, "the server could not import it"
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = words
    try:
        if is_script:
            sys.path.insert(0, str(Path(words[0]).parent))
            runpy.run_path(words[0], run_name="__main__")
        else:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a forked process leaves them out
