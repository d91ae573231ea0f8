"""Verification metrics against scikit-learn, brute force and numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from sklearn.metrics import roc_auc_score

from cari_keras.evaluation.allpairs import distance_blocks
from cari_keras.evaluation.curves import eer, roc, threshold_at_far
from cari_keras.evaluation.ranking import cmc
from cari_keras.evaluation.verification import (
    accuracy,
    auc,
    best_threshold,
    cross_validated_accuracy,
    squared_distances,
)
from tests.helpers.pairs import PAIRS, split


def test_squared_distances_by_hand():
    left = np.array([[1.0, 0.0], [0.6, 0.8]])
    right = np.array([[0.0, 1.0], [0.6, 0.8]])
    np.testing.assert_allclose(squared_distances(left, right), [2.0, 0.0])


def test_auc_by_hand():
    # Genuine 1, 3; impostor 2, 3: 1<2, 1<3, 3>2, 3=3 -> (1 + 1 + 0 + 1/2) / 4.
    assert auc(np.array([1.0, 3, 2, 3]), np.array([True, True, False, False])) == 0.625


@given(PAIRS)
@settings(deadline=None)
def test_auc_is_scikit_learns(pairs):
    distances, same = split(pairs)
    if same.all() or not same.any():
        assert np.isnan(auc(distances, same))
    else:
        assert auc(distances, same) == pytest.approx(roc_auc_score(same, -distances))


@given(PAIRS)
@settings(deadline=None)
def test_best_threshold_is_as_good_as_any(pairs):
    distances, same = split(pairs)
    candidates = [-1.0, *(d + 0.5 for d in range(7))]
    best = max(accuracy(distances, same, t) for t in candidates)
    assert accuracy(distances, same, best_threshold(distances, same)) == best


@given(PAIRS)
@settings(deadline=None)
def test_the_balanced_threshold_has_the_highest_mean_of_tar_and_1_minus_far(pairs):
    distances, same = split(pairs)
    assume(same.any() and not same.all())

    def mean(threshold):
        accepted = distances <= threshold
        return (np.mean(accepted[same]) + np.mean(~accepted[~same])) / 2

    best = max(mean(threshold) for threshold in np.arange(-0.5, 7))
    assert mean(best_threshold(distances, same, balanced=True)) == pytest.approx(best)


def test_best_threshold_lies_between_the_pairs():
    distances, same = np.array([0.2, 0.4, 1.0, 1.4]), np.array([True, True, False, False])
    assert best_threshold(distances, same) == pytest.approx(0.7)
    assert best_threshold(distances, ~same) == pytest.approx(-0.8)  # accept nothing: 2 of 4
    assert best_threshold(distances, np.ones(4, bool)) == 1.4
    with pytest.raises(ValueError, match="at least one pair"):
        best_threshold(np.zeros(0), np.zeros(0, bool))


def test_cross_validation_takes_the_threshold_from_the_other_identities():
    """Two people at different scales: each is judged at the other's threshold."""
    distances = np.array([0.1, 0.3, 1.1, 1.3])
    same = np.array([True, False, True, False])
    subjects = ["a", "a", "b", "b"]
    found = cross_validated_accuracy(distances, same, subjects)
    # a at 1.2: both accepted, one wrong. b at 0.2: both refused, one wrong.
    assert found.accuracy == 0.5
    assert sorted(found.thresholds) == pytest.approx([0.2, 1.2])


def test_cross_validation_counts_every_pair_once_whatever_the_folds():
    rng = np.random.default_rng(0)
    subjects = [f"s{i % 7}" for i in range(70)]
    same = rng.random(70) < 0.5
    distances = np.where(same, 0.5, 1.5)
    for folds in (2, 3, 7):
        found = cross_validated_accuracy(distances, same, subjects, folds=folds)
        assert found.accuracy == 1.0
        assert len(found.thresholds) == folds


def test_cross_validation_is_a_function_of_its_seed():
    rng = np.random.default_rng(0)
    subjects = [f"s{i % 7}" for i in range(70)]
    distances, same = rng.random(70), rng.random(70) < 0.5
    once, again, other = (
        cross_validated_accuracy(distances, same, subjects, seed=seed) for seed in (1, 1, 2)
    )
    assert (once.accuracy, once.thresholds) == (again.accuracy, again.thresholds)
    np.testing.assert_array_equal(once.per_pair, again.per_pair)
    assert once.thresholds != other.thresholds


def test_too_few_identities_for_the_folds():
    found = cross_validated_accuracy(np.ones(2), np.array([True, False]), ["a", "a"])
    assert np.isnan(found.accuracy)
    assert found.thresholds == ()


def test_neighbouring_float32_distances_are_told_apart():
    """A threshold between two neighbours of float32 is one of them again in float32."""
    low = np.float32(0.3)
    for _ in range(50):
        high = np.nextafter(low, np.float32(1))
        distances, same = np.array([low, high]), np.array([True, False])
        threshold = best_threshold(distances, same)
        assert accuracy(distances, same, threshold) == 1
        assert accuracy(distances, same, np.nextafter(float(high), 0)) == 1
        low = high


def test_nan_is_neither_near_nor_far():
    distances, same = np.array([0.1, np.nan]), np.array([True, False])
    for metric in (auc, best_threshold, roc, eer):
        with pytest.raises(ValueError, match="1 NaN"):
            metric(distances, same)
    with pytest.raises(ValueError, match="1 NaN"):
        threshold_at_far(distances, same, 0.1)
    with pytest.raises(ValueError, match="1 NaN"):
        cmc(distances[np.newaxis], ["a"], ["a", "b"])
    with pytest.raises(ValueError, match=r"unit norm\. Received: nan"):
        list(distance_blocks(np.full((2, 3), np.nan), np.eye(3)))
