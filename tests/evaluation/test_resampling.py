"""Bootstrap intervals and folds over identities."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.evaluation.resampling import bootstrap_interval, subject_folds


def test_people_are_drawn_not_rows():
    """Ten people of a hundred equal rows each: the spread is that of ten values, not a thousand."""
    rng = np.random.default_rng(0)
    of_person = rng.normal(size=10)
    values, subjects = np.repeat(of_person, 100), np.repeat(np.arange(10), 100)
    found = bootstrap_interval(lambda rows: float(values[rows].mean()), subjects)
    expected = 2 * 1.96 * of_person.std() / np.sqrt(10)
    assert found.high - found.low == pytest.approx(expected, rel=0.1)
    assert found.low < values.mean() < found.high
    naive = bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(1000))
    assert naive.high - naive.low < 0.2 * (found.high - found.low)


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """Of 200 samples of a known mean, about 90 % of the 90 % intervals hold it."""
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(200):
        sample = rng.normal(size=40)
        found = bootstrap_interval(
            lambda rows, s=sample: float(s[rows].mean()),
            np.arange(40),
            level=0.9,
            resamples=200,
            seed=trial,
        )
        held += found.low <= 0 <= found.high
    assert 0.82 <= held / 200 <= 0.97


def test_one_seed_is_one_interval_and_nan_is_left_out():
    values = np.array([np.nan, 1.0, 2.0])
    pick = lambda rows: float(values[rows].max())  # noqa: E731
    first = bootstrap_interval(pick, ["a", "b", "c"], resamples=100)
    assert first == bootstrap_interval(pick, ["a", "b", "c"], resamples=100)
    assert first.resamples < 100
    assert np.isnan(bootstrap_interval(lambda rows: float("nan"), ["a"], resamples=3).low)
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap_interval(pick, [])
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
        bootstrap_interval(pick, ["a"], level=1.0)


@pytest.mark.parametrize("folds", [2, 3, 10])
def test_nobody_is_in_two_folds_and_folds_are_even(folds: int):
    subjects = np.random.default_rng(0).integers(0, 21, 500)
    fold = subject_folds(subjects, folds, seed=4)
    people = [set(subjects[fold == k]) for k in range(folds)]
    assert sum(len(p) for p in people) == len(set(subjects))
    assert max(map(len, people)) - min(map(len, people)) <= 1
    np.testing.assert_array_equal(fold, subject_folds(subjects, folds, seed=4))
    assert (fold != subject_folds(subjects, folds, seed=5)).any()


def test_folds_need_people():
    with pytest.raises(
        ValueError, match=r"between 2 and the number of identities, 2\. Received: 3"
    ):
        subject_folds(["a", "b"], 3)
