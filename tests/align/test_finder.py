"""The order of the looks, and which face is the main one."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.align.confirm import SUPPORT
from cari_keras.align.detector import THRESHOLDS
from cari_keras.align.finder import find_faces, main_face
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


class SquareDetector:
    """Finds the white square of a picture, wherever and how large it is, but never at first sight.

    Args:
        confidence: Of the find.
        seen_in: The shapes of pictures in which it is found; in all of them where there are none.
    """

    def __init__(self, confidence: float, *seen_in: tuple[int, int]) -> None:
        self.confidence, self.seen_in = confidence, seen_in
        self.asked: list[tuple[int, int]] = []

    def __call__(self, image: np.ndarray, thresholds: tuple[float, float, float]) -> list[Face]:
        self.asked.append(image.shape[:2])
        if thresholds == THRESHOLDS or (self.seen_in and image.shape[:2] not in self.seen_in):
            return []
        rows, columns = np.nonzero(image[..., 0] > 127)
        if not len(rows):
            return []
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
        return [Face(box, np.full((5, 2), box[0]), self.confidence)]


def with_square(left: int, top: int, side: int) -> np.ndarray:
    image = IMAGE.copy()
    image[top : top + side, left : left + side] = 255
    return image


#: The picture with its border, and the same enlarged.
FRAMED, ENLARGED = (100 + 2 * BORDER, 200 + 2 * BORDER), (2 * (100 + 2 * BORDER), 616)


def test_a_later_find_that_comes_back_everywhere_is_a_face():
    """A border, two other sizes, a mirror, alone in two sizes: a miss of one would be too many."""
    detector = SquareDetector(SUPPORT + 0.001)
    source, faces = find_faces(detector, with_square(20, 10, 70), "caricature")
    assert source == "mtcnn-relaxed"
    np.testing.assert_array_equal(faces[0].box, [20, 10, 90, 80])
    np.testing.assert_array_equal(faces[0].keypoints, 20)
    assert detector.asked[:2] == [(100, 200), FRAMED]
    assert detector.asked[-2:] == [(114, 114), (190, 190)]
    assert len(detector.asked) == 7


def test_a_find_in_the_enlarged_picture_has_the_picture_s_own_coordinates():
    sizes = (ENLARGED, (114, 114), (190, 190))
    source, faces = find_faces(SquareDetector(0.9, *sizes), with_square(20, 10, 70), "caricature")
    assert source == "mtcnn-enlarged"
    np.testing.assert_allclose(faces[0].box, [20, 10, 90, 80], atol=1)


@pytest.mark.parametrize("seen_in", [FRAMED, ENLARGED])
def test_a_later_find_that_does_not_come_back_is_none(seen_in: tuple[int, int]):
    """Eyes and hair of drawings, found in one size alone (and in its mirror)."""
    detector = SquareDetector(0.99, seen_in)
    assert find_faces(detector, with_square(20, 10, 70), "caricature") == ("", [])


def test_a_small_later_find_needs_more_support():
    """By as much as its share of the picture falls short of a third."""
    detector = SquareDetector(0.62)
    assert find_faces(detector, with_square(90, 40, 30), "caricature")[0] == "mtcnn-relaxed"
    assert find_faces(detector, with_square(90, 40, 20), "caricature") == ("", [])


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
