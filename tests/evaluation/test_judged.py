"""Datasets that networks are only judged on, by networks with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.data.base import Dataset
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.intervals import CrossedPairs, SortedPairs, interval_over_folds
from cari_keras.evaluation.protocols.crossed import evaluate_crossed
from cari_keras.evaluation.protocols.judged import evaluate_judged
from cari_keras.evaluation.tables import tables_of
from cari_keras.evaluation.trials import Trials
from tests.helpers.judged import write_lfw_of_faces, write_sketches
from tests.helpers.matchers import RuleMatcher, one_hot
from tests.helpers.protocols import by_person
from tests.helpers.runs import small_config


def judged(rule, name, root, **how):
    matcher = RuleMatcher(rule, small_config())
    return evaluate_judged(matcher, name, root, cache_dir=str(root / ".cache"), **how)


def test_lfw_has_the_mean_over_folds_with_intervals_over_people(tmp_path):
    """Bob's second picture is taken for Cid: the pair of Bob's own is judged wrongly.

    Each fold's threshold is the other's best: fold 1 has 3 of 4 pairs right, fold 2 all.
    """

    def one_wrong(path, label, drawn):
        return one_hot(2 if path == "Bob_B/Bob_B_0002.jpg" else label)

    outcome = judged(one_wrong, "lfw", write_lfw_of_faces(tmp_path))
    accuracy = outcome.summaries()["verification_accuracy"]
    assert accuracy.folds == (0.75, 1.0)
    assert accuracy.mean == 0.875
    interval = outcome.intervals["verification_accuracy"]
    # Bob is the first of one pair, the wrong one; at best he is not drawn.
    assert interval.low < 0.875 < interval.high == 1.0
    assert "95% interval over identities" in str(tables_of(outcome)[0])


def test_sketches_are_looked_for_among_the_photos(tmp_path):
    outcome = judged(by_person, "sketches", write_sketches(tmp_path))
    summaries = outcome.summaries()
    assert summaries["c2p_rank_1"].mean == 1.0
    assert summaries["verification_auc"].mean == 1.0
    counts = outcome.folds[0].counts
    assert (counts["genuine pairs"], counts["impostor pairs"], counts["people"]) == (3, 6, 3)

    def first_two_swapped(path, label, drawn):
        return one_hot((1, 0, 2)[label] if drawn else label)

    swapped = judged(first_two_swapped, "sketches", tmp_path).summaries()
    assert swapped["c2p_rank_1"].mean == pytest.approx(1 / 3)
    assert swapped["c2p_rank_10"].mean == 1.0
    with pytest.raises(ConfigError, match="--legacy applies only to listed pairs"):
        judged(by_person, "sketches", tmp_path, legacy=True)


def test_a_split_without_caricatures_has_nothing_to_compare(tmp_path):
    dataset = Dataset("mine", (), {"unknown": ()}, {})
    matcher = RuleMatcher(by_person, small_config())
    how = {"title": "", "slug": "", "cache_dir": str(tmp_path)}
    with pytest.raises(DatasetError, match="mine: its split unknown has no photos to compare"):
        evaluate_crossed(matcher, dataset, "unknown", **how)


def test_pairs_of_many_people_are_drawn_as_they_are():
    """By the same draws, the pairs themselves give what their histograms give."""
    rng = np.random.default_rng(0)
    count = 40
    same = np.eye(count, dtype=bool).reshape(-1)
    distances = rng.normal(np.where(same, 1.0, 1.6), 0.3).clip(0, 4).astype(np.float32)
    names = [str(k) for k in range(count)]
    people = np.arange(count)
    trials = Trials(distances, same, names, names, people, True, people)
    histograms, pairs = CrossedPairs.of(trials), SortedPairs.of(trials)
    assert histograms.people == pairs.people == count
    tar, far = pairs.draw(np.ones(count))
    at = np.searchsorted(np.sort(distances), 1.2, side="right") - 1
    assert tar[at] == pytest.approx(np.mean(distances[same] <= np.float32(1.2)))
    assert far[at] == pytest.approx(np.mean(distances[~same] <= np.float32(1.2)))
    by_histograms = interval_over_folds([histograms], [0.1], resamples=100)
    exactly = interval_over_folds([pairs], [0.1], resamples=100)
    for name, interval in exactly.items():
        np.testing.assert_allclose(interval[:2], by_histograms[name][:2], atol=0.03)
    # Without a person, as a draw may be, their pairs are not there.
    times = np.ones(count)
    times[0] = 0
    tar, _ = pairs.draw(times)
    assert tar[at] == pytest.approx(np.mean(distances[same][1:] <= np.float32(1.2)))
