"""Worker processes: every file has one outcome, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from cari_keras.align import pool
from cari_keras.align.aligner import FileResult
from cari_keras.align.config import AlignConfig
from cari_keras.errors import AlignError
from cari_keras.images.layouts import Entry

pytestmark = pytest.mark.slow

CONFIG = AlignConfig(image_size=48)


def _kill_own_process_on(name: str):
    def dangerous(entry: Entry) -> FileResult:
        if entry.path.endswith(name):
            os.kill(os.getpid(), signal.SIGKILL)
        return FileResult([{"path": entry.path}], [])

    return dangerous


def _start_dangerous(raw: Path, config: AlignConfig) -> None:
    pool._aligner = _kill_own_process_on("bad.jpg")


def test_a_file_that_kills_its_worker_is_rejected_and_the_rest_is_aligned(
    monkeypatch: pytest.MonkeyPatch,
):
    """Every file has an outcome, once."""
    monkeypatch.setattr(pool, "_start", _start_dangerous)
    names = [f"a/{i}.jpg" for i in range(12)]
    names.insert(5, "a/bad.jpg")
    entries = [Entry(name, "a", "photo") for name in names]
    found = {}
    for entry, outcome in pool.align_files(entries, Path(), CONFIG, 2):
        assert entry.path not in found
        found[entry.path] = outcome.rows[0]
    assert set(found) == set(names)
    assert found["a/bad.jpg"]["reason"] == "the process that read the file was killed"
    assert sum("reason" in row for row in found.values()) == 1


def test_no_file_is_lost_where_a_worker_dies_while_the_caller_is_busy(
    monkeypatch: pytest.MonkeyPatch,
):
    """The pool is found broken when a file is handed to it, not when a result is waited for."""
    monkeypatch.setattr(pool, "_start", _start_dangerous)
    entries = [Entry(f"a/{i}.jpg", "a", "photo") for i in range(20)]
    entries.insert(4, Entry("a/bad.jpg", "a", "photo"))
    found = []
    for entry, _ in pool.align_files(entries, Path(), CONFIG, 2):
        found.append(entry)
        time.sleep(0.1)
    assert sorted(found, key=lambda e: e.path) == sorted(entries, key=lambda e: e.path)


_start = pool._start


def _start_without_mtcnn(raw: Path, config: AlignConfig) -> None:
    sys.modules["mtcnn"] = None  # type: ignore[assignment]
    _start(raw, config)


def test_a_worker_that_cannot_start_blames_no_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pool, "_start", _start_without_mtcnn)
    config = AlignConfig(layout="photos")
    with pytest.raises(AlignError, match="mtcnn"):
        list(pool.align_files([Entry("a/0.jpg", "a", "photo")], Path(), config, 1))
