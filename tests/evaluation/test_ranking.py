"""CMC and Rank-k by hand, by brute force, and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from cari_keras.evaluation.ranking import cmc, rank


def test_cmc_by_hand():
    """Two images of `a`: the nearer counts; the second probe's own identity comes third."""
    distances = np.array([[0.9, 0.1, 0.5, 0.7], [0.1, 0.9, 0.8, 0.2]])
    curve = cmc(distances, ["a", "b"], ["a", "a", "b", "c"])
    np.testing.assert_allclose(curve, [0.5, 0.5, 1.0])
    assert rank(distances, ["a", "b"], ["a", "a", "b", "c"], 10) == 1.0


def test_ties_count_by_their_expectation():
    """Three identities level: each is first with a third of the chance."""
    np.testing.assert_allclose(
        cmc(np.zeros((2, 3)), ["a", "c"], ["a", "b", "c"]), [1 / 3, 2 / 3, 1]
    )


@given(st.integers(0, 10**6), st.integers(3, 7), st.integers(1, 9))
@settings(deadline=None, max_examples=50)
def test_cmc_is_scikit_learn_s_top_k(seed, people, probes):
    """One gallery image a person, no ties."""
    rng = np.random.default_rng(seed)
    distances = rng.permutation(people * probes).reshape(probes, people).astype(float)
    owners = rng.integers(0, people, probes)
    curve = cmc(distances, owners, np.arange(people))
    for k in range(1, people):
        expected = top_k_accuracy_score(owners, -distances, k=k, labels=np.arange(people))
        assert curve[k - 1] == pytest.approx(expected)
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == 1.0


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_order_and_scale_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    distances, gallery = rng.integers(0, 5, (6, 8)).astype(float), rng.integers(0, 4, 8)
    probes = rng.choice(gallery, 6)
    curve = cmc(distances, probes, gallery)
    p, g = rng.permutation(6), rng.permutation(8)
    np.testing.assert_allclose(cmc(distances[p][:, g], probes[p], gallery[g]), curve)
    np.testing.assert_allclose(cmc(np.exp(distances), probes, gallery), curve)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="2 probes show nobody in the gallery; the first"):
        cmc(np.zeros((3, 2)), ["a", "x", "y"], ["a", "b"])
    with pytest.raises(ValueError, match=r"must be \[1 probes, 2 gallery images\].*\(2, 2\)"):
        cmc(np.zeros((2, 2)), ["a"], ["a", "b"])
    with pytest.raises(ValueError, match="k must be at least 1"):
        rank(np.zeros((1, 1)), ["a"], ["a"], 0)
