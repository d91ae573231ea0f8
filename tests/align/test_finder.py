"""The order of the looks, and which face is the main one."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.align.detector import THRESHOLDS
from cari_keras.align.finder import RELAXED, find_faces, main_face
from cari_keras.images.crop import Face

IMAGE = np.zeros((100, 200, 3), np.uint8)
BORDER = 54  # 0.27 of the longer side


def a_face(left: float, top: float, side: float, confidence: float = 0.99) -> Face:
    box = np.array([left, top, left + side, top + side])
    return Face(box, np.full((5, 2), left), confidence)


class Detector:
    """Answers each call with the next of the given lists, and remembers what it was asked."""

    def __init__(self, *answers: list[Face]) -> None:
        self.answers, self.asked = list(answers), []

    def __call__(self, image: np.ndarray, thresholds: tuple[float, float, float]) -> list[Face]:
        self.asked.append((image.shape[:2], thresholds))
        return self.answers.pop(0)


def test_a_face_that_is_found_at_once_is_taken_as_it_is():
    """One look, the package's own thresholds, no change of coordinates."""
    detector = Detector([a_face(20, 10, 50)])
    source, faces = find_faces(detector, IMAGE, "caricature")
    assert source == "mtcnn"
    np.testing.assert_array_equal(faces[0].box, [20, 10, 70, 60])
    assert detector.asked == [((100, 200), THRESHOLDS)]


def test_a_very_long_picture_keeps_a_pixel_of_its_short_side():
    detector = Detector([], [])
    find_faces(detector, np.zeros((20, 65_000, 3), np.uint8), "photo", max_side=1600)
    assert detector.asked[0][0] == (1, 1600)


def test_later_looks_give_the_picture_s_own_coordinates():
    """A border, then a border at twice the size, both with low thresholds, both undone."""
    detector = Detector([], [a_face(BORDER + 20, BORDER + 10, 50, 0.6)])
    source, faces = find_faces(detector, IMAGE, "caricature")
    assert source == "mtcnn-relaxed"
    np.testing.assert_array_equal(faces[0].box, [20, 10, 70, 60])
    np.testing.assert_array_equal(faces[0].keypoints, 20)
    assert detector.asked[1] == ((100 + 2 * BORDER, 200 + 2 * BORDER), RELAXED)

    detector = Detector([], [], [a_face(2 * (BORDER + 20), 2 * (BORDER + 10), 100)])
    source, faces = find_faces(detector, IMAGE, "caricature")
    assert source == "mtcnn-enlarged"
    np.testing.assert_array_equal(faces[0].box, [20, 10, 70, 60])


def test_a_large_picture_is_looked_at_in_small_and_never_enlarged():
    """Boxes come back in the large picture's pixels."""
    large = np.zeros((1000, 2000, 3), np.uint8)
    _, faces = find_faces(Detector([a_face(20, 10, 50)]), large, "caricature", max_side=1000)
    np.testing.assert_array_equal(faces[0].box, [40, 20, 140, 120])
    detector = Detector([], [])
    assert find_faces(detector, large, "caricature", max_side=1000) == ("", [])
    assert [shape for shape, _ in detector.asked] == [(500, 1000), (1040, 1540)]


def test_photographs_need_a_sure_face():
    """What passes for a drawing is not taken for a photograph's face."""
    unsure = [a_face(0, 0, 50, 0.7)]
    assert find_faces(Detector(unsure), IMAGE, "caricature")[0] == "mtcnn"
    assert find_faces(Detector(unsure, unsure, unsure), IMAGE, "photo") == ("", [])


def test_in_a_face_crop_small_finds_are_no_faces():
    """Less than a quarter of the longer side is an eye or a mouth; the next look goes on."""
    detector = Detector([a_face(0, 0, 49)], [a_face(BORDER, BORDER, 51)])
    source, faces = find_faces(detector, IMAGE, "caricature", face_crop=True)
    assert source == "mtcnn-relaxed"
    assert len(faces) == 1


@pytest.mark.parametrize(
    ("faces", "main"),
    [
        ([a_face(75, 25, 50, 0.9), a_face(0, 0, 40, 0.99)], 0),  # larger and in the middle
        ([a_face(0, 0, 40), a_face(85, 35, 30)], 1),  # the middle counts for more here
        ([a_face(0, 0, 8), a_face(96, 46, 6)], 1),  # and as much for small faces
        ([a_face(50, 0, 8), a_face(96, 46, 6)], 0),  # which do not win by their place alone
        ([a_face(0, 0, 90), a_face(95, 45, 10)], 0),  # and size here
    ],
)
def test_the_main_face_is_large_and_central(faces: list[Face], main: int):
    """By area times a Gaussian of the distance from the middle."""
    assert main_face(faces, 100, 200) is faces[main]
