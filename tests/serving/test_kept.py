"""Thresholds kept in a run's folder, whatever lies in their place."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from cari_keras.serving.kept import THRESHOLDS, read_kept


@pytest.mark.parametrize("content", [None, "", "[]", '{"made_for": 3}', "pipe", "folder"])
def test_what_are_no_thresholds_is_passed_over(content, tmp_path):
    path = tmp_path / THRESHOLDS
    if content == "pipe":
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    config = SimpleNamespace(model=SimpleNamespace(precision="float32"))
    settings = SimpleNamespace(to_dict=dict)
    matcher = SimpleNamespace(run=tmp_path, weights="a", config=config, settings=settings)
    assert read_kept(matcher) is None
