"""A process that asks an export about files, and tells how much memory each took."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

#: Runs where the package cannot be imported; `clear_refs` sets the peak back to what is used now.
_ASKER = """
import json, sys
from pathlib import Path
sys.modules["cari_keras"] = None
import numpy as np
import tensorflow as tf

def of_status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

folder, *paths = sys.argv[1:]
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
    found = meta.signature_def["serving_bytes"]
    fetch = {name: info.name for name, info in found.outputs.items()}

    def ask(path):
        content = np.array([Path(path).read_bytes()], dtype=object)
        return session.run(fetch, {found.inputs["image_bytes"].name: content})

    ask(paths[0])
    of_model = of_status("VmRSS")
    told = []
    for path in paths[1:]:
        Path("/proc/self/clear_refs").write_text("5")
        before = of_status("VmRSS")
        answer = ask(path)
        peak = of_status("VmHWM")
        told.append([peak - before, peak - of_model, answer["error"][0].decode()])
print(json.dumps(told))
"""


class Peak(NamedTuple):
    """What a file took of memory, in bytes.

    Attributes:
        taken: Above what the process held before.
        above_model: Above what it held when it had the model: with what it has kept of earlier
            files, which the allocator gives back or not.
        error: The row's.
    """

    taken: int
    above_model: int
    error: str


def peaks(model: Path, small: Path, files: list[Path]) -> list[Peak]:
    """What each file takes.

    Args:
        model: A version's folder.
        small: A file that is asked about first, so that the model's own memory is there.
        files: Asked about one after the other.
    """
    command = [sys.executable, "-c", _ASKER, model, small, *files]
    result = subprocess.run(
        list(map(str, command)),
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [Peak(*told) for told in json.loads(result.stdout.splitlines()[-1])]


def give_back() -> None:
    """Gives the system the memory that this process no longer needs."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # a C library without it keeps more
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Bytes of memory that this process has in use, after what it does not need is given back."""
    give_back()
    return in_use()


def in_use() -> int:
    """Bytes of memory that this process has in use now, by Linux's /proc."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
