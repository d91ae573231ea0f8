"""The contact sheet: which files it opens and which rows it shows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import pytest

from cari_keras.align import sheet
from cari_keras.align.config import AlignConfig
from cari_keras.images.decode import RefusedError


def test_the_sheet_opens_no_file_that_killed_a_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """It would kill this process too, in every run from then on."""
    opened = []

    def read(path: Path, **_: int) -> None:
        opened.append(path.name)
        raise RefusedError("not a picture")

    monkeypatch.setattr(sheet, "read_picture", read)
    reasons = {"bad.jpg": "the process that read the file was killed", "empty.jpg": "no face found"}
    rows = [
        {"path": path, "modality": "photo", "status": "rejected", "reason": reason}
        for path, reason in reasons.items()
    ]
    sheet.write_sheet(tmp_path, tmp_path, AlignConfig(), lambda: rows)
    assert opened == ["empty.jpg"]
    assert cv2.imread(str(tmp_path / "contact_sheet.png")) is not None


def test_the_sheet_shows_rows_evenly_over_the_folder():
    rows = [{"modality": "photo", "status": "rejected", "n": n} for n in range(100)]
    group = ("photo", "rejected")
    chosen = sheet._spread(rows, Counter({group: 100}), 4)
    assert [row["n"] for row in chosen[group]] == [0, 25, 50, 75]
    few = sheet._spread(rows[:3], Counter({group: 3}), 4)
    assert [row["n"] for row in few[group]] == [0, 1, 2]
