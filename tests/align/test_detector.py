"""Ours against the package's own arrangement of its networks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cari_keras.align.detector import Detector, pyramid
from tests.helpers.faces import face
from tests.helpers.places import SHARED

pytestmark = pytest.mark.slow

PHOTOS = SHARED / "data" / "photos"


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="module")
def package():
    from mtcnn import MTCNN

    return MTCNN()


def check_equal(detector: Detector, package, image: np.ndarray) -> int:
    """Compares boxes, keypoints and confidences; returns the number of faces."""
    theirs = package.detect_faces(image, output_type="numpy", box_format="xyxy", fit_to_image=False)
    ours = detector(image)
    assert len(ours) == len(theirs)
    for found, row in zip(ours, theirs):
        np.testing.assert_allclose(found.box, row[1:5], atol=2)
        np.testing.assert_allclose(found.keypoints, np.stack([row[6:11], row[11:16]], 1), atol=2)
        assert found.confidence == pytest.approx(row[5], abs=0.02)
    return len(ours)


@pytest.mark.parametrize("modality", ["photo", "caricature"])
def test_drawn_faces_have_the_package_s_boxes(detector: Detector, package, modality: str):
    """Boxes and keypoints within 2 pixels."""
    faces = sum(check_equal(detector, package, face(modality, person)) for person in range(3))
    assert faces >= 2


def test_several_faces_in_one_picture(detector: Detector, package):
    """All of them, and sizes that are no multiple of anything."""
    image = np.hstack([face(), cv2.resize(face("photo", 1), (200, 200)), face("photo", 2)])[:, :571]
    assert check_equal(detector, package, image) >= 2


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs are not there")
def test_real_photographs_have_the_package_s_boxes(detector: Detector, package):
    """On every sixth of the 118 photographs."""
    faces = 0
    for path in sorted(Path(PHOTOS).glob("*/*"))[::6]:
        faces += check_equal(detector, package, cv2.imread(str(path))[..., ::-1].copy())
    assert faces >= 19


@pytest.mark.parametrize("shape", [(20, 20), (21, 300), (300, 25)])
def test_a_picture_without_a_face_gives_none(detector: Detector, shape: tuple[int, int]):
    """Down to the least side."""
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)
    assert detector(noise) == []


def test_the_pyramid_is_the_package_s():
    """From 12/20 by steps of 0.709 while the shorter side holds the window."""
    from mtcnn.utils.images import build_scale_pyramid

    for height, width in ((20, 20), (100, 333), (1200, 800)):
        theirs = build_scale_pyramid(width, height, min_face_size=20, scale_factor=0.709)
        np.testing.assert_array_equal(pyramid(height, width), theirs)
