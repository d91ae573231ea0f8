"""Placements against known answers, and pixels against placements."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.images.crop import (
    FACE_SHARE,
    TEMPLATE,
    Placement,
    crop,
    place_box,
    place_similar,
    place_whole,
)


def test_a_box_becomes_the_square_of_its_longer_side_with_the_margin():
    """A box of 40 x 20 about (50, 30) with margin 0.5: the square of 60 from (20, 0)."""
    placement = place_box(np.array([30.0, 20.0, 70.0, 40.0]), 120, 0.5)
    corners = placement.points(np.array([[20.0, 0.0], [80.0, 60.0], [50.0, 30.0]]))
    np.testing.assert_allclose(corners, [[0, 0], [120, 120], [60, 60]], atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_the_margin_is_the_same_share_of_a_face_of_any_size(scale: float):
    """Crops of a face and of the same face seven times as large have the same keypoints."""
    box, points = np.array([30.0, 20.0, 70.0, 60.0]), np.array([[40.0, 35.0]])
    placement = place_box(box * scale, 100, 0.3)
    np.testing.assert_allclose(
        placement.points(points * scale), place_box(box, 100, 0.3).points(points)
    )


def test_similarity_undoes_a_turn_a_scaling_and_a_shift():
    """The template, turned, scaled and moved, comes back to where it was."""
    turn = np.deg2rad(25)
    matrix = 3.0 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = 112 * TEMPLATE @ matrix.T + [200, 90]
    np.testing.assert_allclose(place_similar(moved, 112, 0.0).points(moved), 112 * TEMPLATE)
    wide = place_similar(moved, 200, 1.0).points(moved) / 200
    np.testing.assert_allclose(wide, (TEMPLATE - 0.5) / 2 + 0.5)


def test_similarity_is_the_least_squares_one():
    """No small change of the four numbers brings noisy points nearer to the template."""
    points = 80 * TEMPLATE + np.random.default_rng(0).normal(0, 4, (5, 2))
    best = place_similar(points, 80, 0.0)

    def error(matrix: np.ndarray) -> float:
        return float(np.sum((Placement(matrix, 80).points(points) - 80 * TEMPLATE) ** 2))

    for direction in (
        [[1, 0, 0], [0, 1, 0]],
        [[0, -1, 0], [1, 0, 0]],
        [[0, 0, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 1]],
    ):
        for step in (1e-3, -1e-3):
            assert error(best.matrix + step * np.array(direction)) > error(best.matrix)
    np.testing.assert_allclose(best.matrix[0, 0], best.matrix[1, 1])
    np.testing.assert_allclose(best.matrix[0, 1], -best.matrix[1, 0])


def test_a_whole_picture_is_placed_like_a_face_that_fills_it():
    """A square of FACE_SHARE of the longer side about the middle."""
    placement = place_whole(100, 60, 80, 0.25)
    np.testing.assert_allclose(placement.points(np.array([[30.0, 50.0]])), [[40, 40]])
    assert placement.matrix[0, 0] == pytest.approx(80 / (FACE_SHARE * 100 * 1.25))


def test_a_crop_at_full_size_is_the_picture_s_own_pixels():
    """A box on pixel borders and a crop of the same side copy pixels."""
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    cut = crop(image, place_box(np.array([10.0, 5.0, 40.0, 35.0]), 30, 0.0))
    np.testing.assert_array_equal(cut, image[5:35, 10:40])


def test_shrinking_averages_areas():
    """A checkerboard shrunk by two is grey, not one of its colours."""
    board = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (20, 20))
    cut = crop(np.dstack([board] * 3), place_box(np.array([0.0, 0.0, 40.0, 40.0]), 20, 0.0))
    np.testing.assert_array_equal(cut, 100)


def test_beyond_the_picture_its_edge_is_repeated():
    """A crop half outside to the left repeats the first column."""
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 0] = 90
    cut = crop(image, place_box(np.array([-10.0, 0.0, 10.0, 20.0]), 20, 0.0))
    np.testing.assert_array_equal(cut[:, :11], 90)
    np.testing.assert_array_equal(cut[:, 11:], 0)


def test_a_crop_far_outside_the_picture_is_its_edge():
    """Even a box that misses the picture gives a crop."""
    image = np.full((20, 20, 3), 7, np.uint8)
    assert (crop(image, place_box(np.array([100.0, 100.0, 140.0, 140.0]), 16, 0.0)) == 7).all()
