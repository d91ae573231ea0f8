"""All pairs of two sets against one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.evaluation.allpairs import all_pairs, distance_blocks
from cari_keras.evaluation.verification import squared_distances


def units(seed: int, count: int, size: int = 8) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("block", [1, 3, 100])
def test_every_pair_once_in_order_whatever_the_block(block: int):
    left, right = units(0, 7), units(1, 5)
    a, b = np.arange(7) % 3, np.arange(5) % 3
    found = all_pairs(left, a, right, b, block)
    i, j = (index.reshape(-1) for index in np.indices((7, 5)))
    np.testing.assert_allclose(found.distances, squared_distances(left[i], right[j]), atol=1e-6)
    np.testing.assert_array_equal(found.same, a[i] == b[j])
    assert found.distances.dtype == np.float32


def test_an_image_is_at_distance_zero_from_itself_and_never_below():
    rows = units(2, 50, 512)
    (block,) = distance_blocks(rows, rows)
    assert (block >= 0).all()
    np.testing.assert_allclose(np.diag(block), 0, atol=1e-5)


def test_vectors_that_are_not_unit_are_refused():
    """Their squared distance is not 2 - 2 x.y."""
    with pytest.raises(ValueError, match=r"right must have rows of unit norm. Received: 2 to 2"):
        all_pairs(units(0, 2), np.zeros(2), 2 * units(1, 2), np.zeros(2))
