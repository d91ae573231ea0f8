"""The package's commands as their users run them."""

import importlib.util
import shlex
import subprocess
import sys
import time
from types import ModuleType

from tests.helpers.forked import Forked, project_on_path, run_forked
from tests.helpers.places import ROOT


def run_command(module, *arguments, cwd=None):
    """Runs `cari_keras.cli.<module>` in a process of its own."""
    return run_forked(f"cari_keras.cli.{module}", *arguments, cwd=cwd)


def run_script(name, *arguments):
    """Runs `scripts/<name>` in a process of its own and returns what it printed."""
    result = run_forked(ROOT / "scripts" / name, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def run_python(*arguments, cwd=None, python=sys.executable):
    """Runs this interpreter, or another, from its start, with the project on its path."""
    command = [str(python), *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=cwd,
        env=project_on_path(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def started(module, *arguments):
    """`cari_keras.cli.<module>` going on meanwhile; killed at a block's end, if not before."""
    return Forked(f"cari_keras.cli.{module}", *arguments)


def wait_until(condition, process):
    """Until a command that goes on has done something."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def next_command(printed):
    """The words of the command that a program has named in its last line."""
    *_, last = printed.splitlines()
    assert last.startswith("Next: "), last
    return shlex.split(last.removeprefix("Next: "))


def last_error(result):
    """The one line that a mistake leaves on standard error."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.split("\n") if line]
    assert len(lines) == 1, lines
    return lines[0]


def load_script(name: str) -> ModuleType:
    """A module of scripts/, which is no package; what it imports from there is found."""
    folder = ROOT / "scripts"
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module
