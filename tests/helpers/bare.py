"""Python code run in a bare environment: without a home, a known user, a locale."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.helpers.places import ROOT

#: Put before a program: nobody knows the user, as in a container that runs under any number.
UNKNOWN_USER = """
import os, pwd
def unknown(*_):
    raise KeyError("uid not found")
pwd.getpwuid = pwd.getpwnam = unknown
"""

#: What names a home or a cache, and how text is written.
_NAMES = ("HOME", "XDG_CACHE_HOME", "CARI_KERAS_CACHE", "KERAS_HOME", "LC_ALL", "LANG", "LC_CTYPE")


def run_bare(code, *arguments, cwd, **environment):
    """Runs code in a process of its own, with nothing of `_NAMES` but what is given."""
    kept = {name: value for name, value in os.environ.items() if name not in _NAMES}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )
