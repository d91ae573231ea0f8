"""Probabilities from distances: by hand, and against what is known of normal distances."""

import numpy as np
import pytest

from cari_keras.evaluation.plots import plot_reliability
from cari_keras.evaluation.probability import (
    ProbabilityCurve,
    expected_calibration_error,
    fit_probability,
    reliability,
)


def normal_pairs(genuine, impostors, seed=0):
    """Distances N(1, 0.2) and N(1.5, 0.2): the log-odds are 12.5 * (1.25 - d)."""
    rng = np.random.default_rng(seed)
    distances = np.concatenate([rng.normal(1.0, 0.2, genuine), rng.normal(1.5, 0.2, impostors)])
    return distances, np.arange(genuine + impostors) < genuine


@pytest.mark.parametrize("impostors", [20_000, 400])
def test_the_fit_is_at_a_prior_of_a_half_whatever_the_counts(impostors):
    curve = fit_probability(*normal_pairs(20_000, impostors))
    assert curve.slope == pytest.approx(-12.5, rel=0.1)
    assert -curve.intercept / curve.slope == pytest.approx(1.25, abs=0.03)


def test_pairs_that_are_told_apart_without_an_error_have_a_curve_too():
    curve = fit_probability(np.array([0.1, 0.2, 1.0, 1.1]), np.array([True, True, False, False]))
    assert np.isfinite(curve).all()
    near, far = curve.probability(np.array([0.2, 1.0]))
    assert near > 0.99
    assert far < 0.01


def test_another_prior_shifts_the_log_odds():
    """By Bayes: odds are those at a half, times the prior's."""
    curve, distances = ProbabilityCurve(-3.0, 2.0), np.array([0.0, 0.5, 2.0])
    half, rare = curve.probability(distances), curve.probability(distances, prior=0.01)
    np.testing.assert_allclose(rare / (1 - rare), half / (1 - half) / 99)
    for prior in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match=r"prior must be in \(0, 1\)"):
            curve.probability(distances, prior)


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_what_was_fitted_is_calibrated_on_new_pairs(prior):
    curve = fit_probability(*normal_pairs(5_000, 50_000))
    distances, same = normal_pairs(20_000, 100_000, seed=1)
    told = curve.probability(distances, prior)
    assert expected_calibration_error(told, same, prior=prior) < 0.01
    rows = reliability(told, same, prior=prior)
    assert sum(row.weight for row in rows) == pytest.approx(1)
    assert sum(row.weight * row.observed for row in rows) == pytest.approx(prior)
    # At another prior than the one that is told they are not.
    assert expected_calibration_error(told, same, prior=0.9) > 0.05


def test_bins_have_equal_widths_and_the_last_one_its_upper_end():
    """By hand: a genuine pair weighs 1/4, the impostor pair 1/2."""
    rows = reliability(np.array([1.0, 0.05, 0.0]), np.array([True, True, False]), bins=10)
    assert [row.weight for row in rows] == pytest.approx([0.75, 0.25])
    assert rows[0].probability == pytest.approx(0.05 * 0.25 / 0.75)
    assert [row.observed for row in rows] == pytest.approx([1 / 3, 1])


def test_what_cannot_be_fitted_or_told():
    one = np.array([True, True])
    for function in (fit_probability, reliability):
        with pytest.raises(ValueError, match="needs genuine and impostor pairs"):
            function(np.array([0.1, 0.2]), one)
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\]"):
        reliability(np.array([0.1, 1.2]), np.array([True, False]))


def test_the_diagram_shows_each_row():
    rows = reliability(np.array([0.9, 0.9, 0.3, 0.3]), np.array([True, True, True, False]), bins=2)
    (axes,) = plot_reliability({"strangers": rows}, "title").axes
    _, line = axes.lines
    np.testing.assert_allclose(line.get_xdata(), [0.3, 0.9])
    np.testing.assert_allclose(line.get_ydata(), [0.25, 1.0])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "calibrated",
        "strangers",
    ]
