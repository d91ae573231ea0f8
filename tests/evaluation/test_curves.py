"""ROC, DET, EER and TAR at FAR against brute force, scikit-learn and numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import det_curve

from cari_keras.evaluation.curves import (
    det,
    eer,
    operating_point,
    roc,
    tar_at_far,
    threshold_at_far,
)
from cari_keras.evaluation.verification import auc
from tests.helpers.pairs import PAIRS, split


def both(pairs):
    return any(s for _, s in pairs) and not all(s for _, s in pairs)


@given(PAIRS.filter(both))
@settings(deadline=None)
def test_the_roc_has_every_threshold_s_rates(pairs):
    """By counting who is accepted; float32 distances, as networks give them, likewise."""
    distances, same = split(pairs)
    for values in (distances, distances.astype(np.float32) / 3):
        found = roc(values, same)
        np.testing.assert_array_equal(found.thresholds, [-np.inf, *np.unique(values.astype(float))])
        for threshold, far, tar in zip(*found):
            accepted = values.astype(float) <= threshold
            assert far == pytest.approx(accepted[~same].mean())
            assert tar == pytest.approx(accepted[same].mean())


@given(PAIRS.filter(both))
@settings(deadline=None)
def test_the_roc_rises_and_its_area_is_the_auc(pairs):
    distances, same = split(pairs)
    _, far, tar = roc(distances, same)
    assert (np.diff(far) >= 0).all()
    assert (np.diff(tar) >= 0).all()
    area = float(np.sum(np.diff(far) * (tar[1:] + tar[:-1]) / 2))
    assert area == pytest.approx(auc(distances, same))


def test_a_fold_without_one_class_has_no_rate_of_it():
    curve = roc(np.array([0.1, 0.2]), np.array([True, True]))
    assert np.isnan(curve.far).all()
    assert curve.tar.tolist() == [0, 0.5, 1]
    assert np.isnan(eer(np.array([0.1, 0.2]), np.array([False, False])))


@given(PAIRS.filter(both), st.sampled_from([0.0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 1.0]))
@settings(deadline=None)
def test_tar_at_far_is_the_best_that_the_far_allows(pairs, far):
    distances, same = split(pairs)
    point = tar_at_far(distances, same, far)
    candidates = [operating_point(distances, same, d + 0.5) for d in range(-1, 7)]
    allowed = [c.tar for c in candidates if c.far <= far + 1e-12]
    assert point.far <= far + 1e-12
    assert point.tar == pytest.approx(max(allowed))
    assert point.impostors == int(np.sum(~same))


def test_tar_at_far_by_hand():
    # Impostors at 0.5 and 0.9 of four: at FAR 25 % one may pass.
    distances = np.array([0.1, 0.6, 0.95, 0.5, 0.9, 1.2, 1.3])
    same = np.array([True, True, True, False, False, False, False])
    strict = tar_at_far(distances, same, 0.0)
    assert (strict.far, strict.tar) == (0.0, pytest.approx(1 / 3))
    loose = tar_at_far(distances, same, 0.25)
    assert (loose.far, loose.tar) == (0.25, pytest.approx(2 / 3))
    assert loose.threshold == pytest.approx(0.9)
    assert loose.threshold < 0.9  # an impostor at exactly 0.9 is rejected


def test_too_few_impostors_are_flagged():
    """100 impostor pairs resolve a FAR of 1 %, not of 0.1 %."""
    distances = np.linspace(0, 1, 150)
    same = np.arange(150) < 50
    assert tar_at_far(distances, same, 0.01).resolved
    point = tar_at_far(distances, same, 0.001)
    assert not point.resolved
    assert (point.far, point.tar) == (0.0, 1.0)


def test_a_share_that_is_exact_is_allowed():
    """0.1 of 30 impostors is 3, though 0.1 * 3 is not 0.3 in floating point."""
    distances = np.arange(30.0)
    assert operating_point(
        distances, np.zeros(30, bool), threshold_at_far(distances, np.zeros(30, bool), 0.1)
    ).far == pytest.approx(0.1)
    assert threshold_at_far(distances, np.zeros(30, bool), 1.0) == float("inf")
    with pytest.raises(ValueError, match="at least one impostor"):
        threshold_at_far(distances, np.ones(30, bool), 0.1)


def test_a_threshold_from_elsewhere_reports_the_far_it_achieves():
    """Not the one it was chosen for: that is the point of choosing it on other pairs."""
    train = np.array([0.1, 0.2, 0.4, 0.8]), np.array([True, False, False, False])
    test = np.array([0.15, 0.25, 0.5, 0.3]), np.array([True, False, False, True])
    threshold = threshold_at_far(*train, 0.4)
    point = operating_point(*test, threshold, 0.4)
    assert (point.far, point.tar, point.impostors) == (0.5, 1.0, 2)


def test_eer_by_hand():
    """Perfect, hopeless, coin-tossing, and one of four wrong on either side."""
    same = np.array([True] * 4 + [False] * 4)
    assert eer(np.array([0, 1, 2, 3, 4, 5, 6, 7.0]), same) == 0.0
    assert eer(np.array([4, 5, 6, 7, 0, 1, 2, 3.0]), same) == 1.0
    assert eer(np.ones(8), same) == 0.5
    assert eer(np.array([0, 1, 2, 5, 3, 6, 7, 8.0]), same) == 0.25


@given(PAIRS.filter(both))
@settings(deadline=None)
def test_eer_does_not_depend_on_the_scale_and_swaps_with_the_sign(pairs):
    distances, same = split(pairs)
    value = eer(distances, same)
    assert 0 <= value <= 1
    assert eer(np.exp(distances), same) == pytest.approx(value)
    assert eer(-distances, ~same) == pytest.approx(value)
    assert eer(-distances, same) == pytest.approx(1 - value)


def test_det_has_normal_deviates():
    """A rate of 2.275 % lies two deviations below; scikit-learn has the same rates."""
    rng = np.random.default_rng(0)
    distances = np.concatenate([rng.normal(0, 1, 400), rng.normal(2, 1, 400)])
    same = np.arange(800) < 400
    x, y = det(roc(distances, same))
    inner = np.isfinite(x) & np.isfinite(y)
    # Two unit normals two apart: the DET is the line through (-2, 0) and (0, -2).
    assert np.abs(x[inner] + y[inner] + 2).mean() < 0.15
    far, frr, _ = det_curve(same, -distances)
    ours = roc(distances, same)
    assert {(round(a, 9), round(b, 9)) for a, b in zip(far, frr)} <= {
        (round(a, 9), round(1 - b, 9)) for a, b in zip(ours.far, ours.tar)
    }
