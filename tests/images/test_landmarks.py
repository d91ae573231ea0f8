"""WebCaricature's 17 points."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cari_keras.images.landmarks import face_of, read_landmarks


def seventeen() -> np.ndarray:
    points = np.tile([[100.0, 100.0]], (17, 1))
    points[0], points[2] = [100, 40], [100, 160]  # hairline, chin
    points[1], points[3] = [60, 100], [140, 100]  # ears
    points[8:12] = [[80, 90], [90, 92], [110, 92], [120, 90]]  # corners of the eyes
    points[12], points[14], points[16] = [101, 110], [85, 130], [115, 131]
    return points


def test_a_face_of_landmarks_is_the_published_crop():
    """80 wide x 1.5 and 120 high x 1.2, about the middle; the eyes are between their corners."""
    face = face_of(seventeen())
    np.testing.assert_allclose(face.box, [40, 28, 160, 172])
    np.testing.assert_allclose(
        face.keypoints, [[85, 91], [115, 91], [101, 110], [85, 130], [115, 131]]
    )


def test_landmark_files_are_read_in_either_notation(tmp_path: Path):
    """Floats, also as 1.2e+02, with any line ends."""
    path = tmp_path / "C00001.txt"
    lines = [f"{x:.6e} {y}" for x, y in seventeen()]
    path.write_bytes("\r\n".join(lines).encode())
    np.testing.assert_allclose(read_landmarks(path), seventeen())


@pytest.mark.parametrize(
    "text", ["", "1 2\n", "1 2\n" * 16, "a b\n" * 17, "nan 1\n" * 17, "0 0\n" * 17]
)
def test_anything_else_is_no_landmarks(tmp_path: Path, text: str):
    """Missing, short or damaged files."""
    path = tmp_path / "C00001.txt"
    assert read_landmarks(path) is None
    path.write_text(text)
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        assert read_landmarks(path) is None


def test_a_pipe_in_their_place_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "C00001.txt")
    assert read_landmarks(tmp_path / "C00001.txt") is None
