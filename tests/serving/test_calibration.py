"""Thresholds on pairs: what can be asked for, what they are tried on, when they do not decide."""

import re

import numpy as np
import pytest

from cari_keras.errors import ConfigError
from cari_keras.serving.calibration import Calibration, calibrate, why_undecided


def test_the_default_is_the_most_accurate_threshold():
    """By hand: 0.75, between 0.5 and 1, takes four of five genuine pairs and one impostor pair."""
    genuine, impostors = [0.1, 0.2, 0.4, 0.5, 2.0], [0.3, 1.0, 1.2, 1.4]
    distances, same = np.array(genuine + impostors), np.arange(9) < 5
    found = calibrate(distances, same)
    assert found[:5] == (0.75, 0.25, 0.8, 4, 5)
    assert found.auc == pytest.approx(14 / 20)
    assert found.far_unseen is None
    assert found.far_expected == 0.25
    assert found._replace(far_unseen=0.5).far_expected == 0.5
    assert 1.0 <= calibrate(distances, same, far=0.5).threshold < 1.2


@pytest.mark.parametrize("impostors", [1, 3, 7, 49, 100, 300, 6007, 1_000_003])
def test_the_advised_far_can_be_asked_for(impostors):
    """Rounded to where it can: 1 / 300 to 0.00334, not to 0.0033."""
    distances = np.linspace(1.0, 3.0, impostors + 1)
    same = np.zeros(impostors + 1, bool)
    same[0] = True
    with pytest.raises(ConfigError, match="cannot be told from 0") as caught:
        calibrate(distances, same, far=0.9 / impostors)
    advised = float(re.search("ask for (.*) or more", str(caught.value)).group(1))
    assert 1 <= advised * impostors < 1.01 or advised == pytest.approx(1 / impostors)
    assert calibrate(distances, same, far=advised).far <= advised


def crossed(people, drawings=3, photos=2, spread=0.0, seed=0):
    """Distances, sameness and people of all pairs: 0.5 of one person, 1.5 of two, and noise."""
    rng = np.random.default_rng(seed)
    first = np.repeat(np.arange(people), drawings)
    second = np.repeat(np.arange(people), photos)
    pairs = np.array([(a, b) for a in first for b in second])
    same = pairs[:, 0] == pairs[:, 1]
    return np.where(same, 0.5, 1.5) + spread * rng.normal(size=len(same)), same, pairs


def test_the_far_of_people_it_was_not_chosen_on():
    """Person 0 of ten is near everybody: what is chosen without them accepts all of their pairs."""
    distances, same, people = crossed(10)
    assert calibrate(distances, same, people=people).far_unseen == 0
    distances[~same & (people == 0).any(axis=1)] = 0.6
    found = calibrate(distances, same, people=people)
    # Both ends between 0.5 and 0.6 where they are, up to 1 where they are not: of a half's twenty
    # ordered pairs of two people, theirs are eight.
    assert found.far == 0
    assert found.far_unseen == pytest.approx(8 / 40)
    assert found.far_expected == found.far_unseen


@pytest.mark.parametrize("people", [2, 3])
def test_too_few_people_to_try_it_on_others(people):
    distances, same, pairs = crossed(people)
    found = calibrate(distances, same, people=pairs)
    assert found.far_unseen is None
    assert found.far_expected == found.far


def test_pairs_without_impostors_in_a_half_try_nothing():
    """Four people, whose impostor pairs are all across: one half has two people or none of them."""
    distances = np.array([0.1, 0.2, 0.3, 0.4, 1.0])
    people = np.array([(0, 0), (1, 1), (2, 2), (3, 3), (0, 1)])
    assert calibrate(distances, people[:, 0] == people[:, 1], people=people).far_unseen is None


def test_rare_genuine_pairs_weigh_as_much_where_balanced():
    """Of 10 genuine and 1,000 impostor pairs: by accuracy, nobody is accepted."""
    distances = np.concatenate([np.linspace(1.0, 1.1, 10), np.linspace(1.05, 2.0, 1000)])
    same = np.arange(1010) < 10
    assert calibrate(distances, same).tar < 0.6
    balanced = calibrate(distances, same, balanced=True)
    assert balanced.tar == 1.0
    assert balanced.far < 0.1


def test_the_probability_is_even_where_the_kinds_meet():
    distances, same, _ = crossed(40, spread=0.3)
    curve = calibrate(distances, same).curve
    np.testing.assert_allclose(curve.probability(np.array([1.0])), 0.5, atol=0.1)
    # Where near pairs are likelier of two people there is none.
    assert calibrate(-distances, same).curve is None


GOOD = Calibration(1.0, 0.02, 0.9, 1000, 1000, "some pairs", auc=0.95)


@pytest.mark.parametrize(
    ("changes", "asked", "reason"),
    [
        ({}, None, None),
        ({"far": 0.1}, None, None),
        (
            {"far": 0.23},
            None,
            "at its threshold 23 % of pairs of two people would be taken for one, on some pairs",
        ),
        ({"far_unseen": 0.104}, None, "at its threshold 10.4 % of pairs"),
        ({"far": 0.23}, 0.25, None),
        ({"impostor_pairs": 100}, None, None),
        (
            {"impostor_pairs": 99},
            None,
            "99 impostor pairs tell too little about the FAR, and at least",
        ),
        ({"impostor_pairs": 99}, 0.01, "99 impostor pairs tell too little"),
        ({"impostor_pairs": 10}, 0.1, None),
        ({"auc": 0.55}, None, None),
        (
            {"auc": 0.549},
            None,
            "the network hardly tells one person from two: its AUC is 54.9 %, on some",
        ),
        (
            {"auc": 0.58, "genuine_pairs": 20},
            None,
            "an AUC of 58 % cannot be told from chance with",
        ),
        ({"auc": 0.58, "genuine_pairs": 200}, None, None),
        ({"auc": None}, None, None),
    ],
)
def test_why_a_threshold_does_not_decide(changes, asked, reason):
    found = why_undecided(GOOD._replace(**changes), asked=asked)
    if reason is None:
        assert found is None
    else:
        assert found.startswith(reason)
        assert "\n" not in found


def test_the_reason_is_kept_with_the_threshold():
    distances, same, _ = crossed(20, spread=5.0)
    assert "would be taken for one" in calibrate(distances, same, balanced=True).undecided
    distances, same, _ = crossed(20)
    assert calibrate(distances, same).undecided is None
    # A FAR that was asked for is refused as ever where the pairs cannot tell it.
    with pytest.raises(ConfigError, match="cannot be told from 0"):
        calibrate(distances, same, far=1e-6)
