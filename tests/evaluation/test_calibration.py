"""The rows of the reliability diagram: probabilities of pairs come from other pairs."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.evaluation.calibration import told_and_observed
from cari_keras.evaluation.probability import calibration_error
from cari_keras.evaluation.trials import Trials


def pairs(count=4000, people=40, seed=0, shift=0.0):
    """Genuine pairs at about 0.8, impostor pairs at about 1.4, of equally many of either kind."""
    rng = np.random.default_rng(seed)
    same = np.arange(count) % 2 == 0
    distances = np.where(same, 0.8, 1.4) + shift + 0.25 * rng.normal(size=count)
    names = [str(k) for k in range(count)]
    subjects = rng.integers(0, people, count)
    return Trials(distances.clip(0, 4).astype(np.float32), same, names, names, subjects)


def test_probabilities_of_like_pairs_hold():
    for others in (None, pairs(seed=1)):
        rows = told_and_observed(pairs(), others)
        assert sum(row.weight for row in rows) == pytest.approx(1)
        assert calibration_error(rows) < 0.03


def test_pairs_are_told_by_other_people_s():
    """One half of the people is farther by a half: the curve of each half misleads the other."""
    found = pairs(people=2)
    told = np.where(found.first_subjects == 0, 0.0, 0.6).astype(np.float32)
    moved = Trials(
        found.distances + told, found.same, found.first, found.second, found.first_subjects
    )
    assert calibration_error(told_and_observed(moved)) > 0.1
    assert calibration_error(told_and_observed(found)) < 0.05


def test_others_that_differ_mislead():
    assert calibration_error(told_and_observed(pairs(), pairs(shift=0.6))) > 0.2


def test_there_is_no_diagram_without_pairs_of_both_kinds_to_learn_from():
    found = pairs(40)
    genuine = found.only(found.same)
    assert told_and_observed(genuine) == []
    assert told_and_observed(found, genuine) == []
    assert told_and_observed(pairs(40, people=1)) == []
    # One person's pairs are all genuine, the other's all of two people.
    split = Trials(
        found.distances, found.same, found.first, found.second, found.same.astype(np.int64)
    )
    assert told_and_observed(split) == []
