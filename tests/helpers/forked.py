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


def run_forked(program, *arguments, cwd=None, timeout=600):
    """Runs a module by its name, or a script by its path, as `python -m` or `python` does.

    Returns:
        A `subprocess.CompletedProcess` with the text of both streams.
    """
    words = [str(program), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("out", "err")]
        given = (words, Path(program).is_absolute(), cwd or Path.cwd(), environment, streams)
        process = _server().Process(target=_run, args=given)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, timeout)
        out, err = (stream.read_text(encoding="utf-8") for stream in streams)
    return subprocess.CompletedProcess(words, process.exitcode, out, err)


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
        opened = os.open(path, os.O_WRONLY | os.O_CREAT)
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
