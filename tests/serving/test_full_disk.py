"""Exports that cannot be written leave nothing of themselves."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest

from cari_keras.serving import export as module


def test_a_first_version_that_has_no_room_leaves_no_folder(tmp_path, monkeypatch):
    def full(branch, path):
        path.mkdir()
        (path / "half").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    branch = SimpleNamespace(name="verification")
    monkeypatch.setattr(module, "branches_of", lambda *_: [branch])
    monkeypatch.setattr(module, "_write_model", full)
    (tmp_path / "photo" / "1").mkdir(parents=True)
    with pytest.raises(OSError, match="No space left") as raised:
        module.export(SimpleNamespace(side=20), None, tmp_path)
    assert raised.value.filename == str(tmp_path / "verification" / "2")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "photo"]
    assert (tmp_path / "photo" / "1").is_dir()
