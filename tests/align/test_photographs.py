"""The 118 real photographs, where they are there."""

from __future__ import annotations

import pytest

from cari_keras.align.aligner import Aligner
from cari_keras.align.config import AlignConfig
from cari_keras.images.layouts import find_layout, list_entries
from tests.helpers.places import SHARED

PHOTOS = SHARED / "data" / "photos"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs are not there"),
]


def test_every_photograph_gives_the_face_it_is_of():
    """At least 116 of 118; all crops were looked at once. Of two people the larger is taken."""
    layout = find_layout(PHOTOS)
    entries = [entry for entry in list_entries(PHOTOS, layout) if not entry.refused]
    assert len(entries) == 118
    aligner = Aligner(PHOTOS, AlignConfig(layout=layout.name, image_size=64))
    rows = [row for entry in entries for row in aligner(entry).rows]
    assert len(rows) == 118
    assert sum(row["status"] == "aligned" for row in rows) >= 116
    (couple,) = [row for row in rows if "jerryseinfeldjulialouisdreyfus" in row["path"]]
    assert couple["right"] < 120  # she stands to the right, nearer to the middle
    for row in rows:
        if row["status"] == "aligned":
            assert 0 < row["crop_left_eye_x"] < row["crop_right_eye_x"] < 64
            assert row["crop_nose_y"] < row["crop_mouth_left_y"] + row["crop_mouth_right_y"]
