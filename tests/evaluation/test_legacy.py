"""The three errors of the published evaluation, each beside the right answer."""

import numpy as np
import pytest

from cari_keras.evaluation.curves import operating_point, threshold_at_far
from cari_keras.evaluation.legacy import legacy_rank, legacy_verification, mean_of
from cari_keras.evaluation.ranking import rank
from cari_keras.evaluation.resampling import subject_folds
from cari_keras.evaluation.scoring import verify
from cari_keras.evaluation.trials import Trials


def trials(distances, same, subjects=None):
    names = [str(k) for k in range(len(same))]
    subjects = np.zeros(len(same), int) if subjects is None else subjects
    return Trials(np.asarray(distances, np.float32), np.asarray(same), names, names, subjects)


def test_error_1_val_on_the_folds_that_chose_the_threshold():
    """Ten folds with a genuine pair each; the tenth has a far one, and near impostors.

    Held out, every genuine pair is accepted: 0.5 lies below the threshold 1.0 that the tenth fold's
    impostors give, and 1.9 below the 2.0 of the others. The right VAL is 100 %. On the folds that
    the threshold comes from, the far pair is rejected nine times in ten: 8 / 9, and once 1.
    """
    genuine = np.array([0.5] * 9 + [1.9])
    impostor = np.repeat([[2.0] * 9 + [1.0]], 20, axis=0).T  # one row a fold
    right, published = [], []
    for k in range(10):
        others = np.arange(10) != k
        elsewhere = trials(
            [*genuine[others], *impostor[others].ravel()], [True] * 9 + [False] * 180
        )
        held_out = trials([genuine[k], *impostor[k]], [True] + [False] * 20)
        threshold = threshold_at_far(elsewhere.distances, elsewhere.same, 0.001)
        ours = verify(held_out, elsewhere).metrics["val_at_far_0.001"]
        assert ours == operating_point(held_out.distances, held_out.same, threshold).tar
        right.append(ours)
        published.append(operating_point(elsewhere.distances, elsewhere.same, threshold).tar)
    assert np.mean(right) == 1.0
    assert np.mean(published) == pytest.approx(0.9)


def test_legacy_val_is_that_of_the_training_folds():
    """By brute force over the grid, pair by pair, with the same shuffle."""
    rng = np.random.default_rng(3)
    same = rng.random(400) < 0.5
    distances = np.clip(rng.normal(np.where(same, 1.2, 2.0), 0.4), 0, 4).astype(np.float32)
    order = np.random.default_rng(0).permutation(400)
    d, s = distances[order], same[order]
    published, held_out = [], []
    for k in range(10):
        train = np.ones(400, bool)
        train[40 * k : 40 * (k + 1)] = False
        grid = np.arange(0, 4, 0.001)
        fars = [np.mean(d[train & ~s] < t) for t in grid]
        threshold = np.interp(0.01, fars, grid)
        published.append(np.mean(d[train & s] < threshold))
        held_out.append(np.mean(d[~train & s] < threshold))
    found = legacy_verification(trials(distances, same))
    assert found["legacy_val_at_far_0.01"] == pytest.approx(np.mean(published))
    assert np.mean(published) != pytest.approx(np.mean(held_out), abs=1e-4)


def test_error_2_rank_10_by_chance():
    """Embeddings that know nothing: one probe in ten is right by chance, published: nearly all."""
    rng = np.random.default_rng(0)
    gallery, probes = np.arange(100), rng.integers(0, 100, 500)
    distances = rng.random((500, 100))
    place = [np.sum(distances[i] < distances[i, probes[i]]) for i in range(500)]
    expected = np.mean(np.array(place) < 10)
    assert rank(distances, probes, gallery, 10) == pytest.approx(expected)
    assert expected == pytest.approx(0.1, abs=0.04)
    assert legacy_rank(distances, probes, gallery, 10) > 0.95


def test_error_3_people_in_several_folds():
    """Each of 20 people has a distance of their own that tells genuine from impostor.

    With pairs shuffled, everybody is in training and test, and the figure changes with the
    shuffle, which was not seeded. Folds of people are disjoint, and the same each time.

    The right answer is known where each person of two has a threshold of their own: 1 for one, who
    has the genuine pairs at 0.5 and the impostors at 1.5, and 3 for the other. A threshold from the
    one accepts none of the other's pairs, and rejects none the other way: half of them are judged
    rightly. With everybody on both sides the best threshold, 1 or 3, judges three in four.
    """
    two = np.repeat([0, 1], 200)
    kind = np.tile([True, False], 200)
    apart = trials(np.where(kind, 0.5, 1.5) + 2 * two, kind, two)
    assert verify(apart).metrics["verification_accuracy"] == 0.5
    assert legacy_verification(apart)["legacy_accuracy"] == pytest.approx(0.75, abs=0.05)

    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(20), 20)
    same = np.tile([True, False], 200)
    offset = rng.uniform(0.3, 3.0, 20)[subjects]
    distances = offset + np.where(same, -0.2, 0.2) + rng.normal(0, 0.05, 400)
    fold = subject_folds(subjects, 10, seed=0)
    assert all(len(set(fold[subjects == person])) == 1 for person in range(20))
    shuffled = (np.arange(400) * 10 // 400)[np.argsort(np.random.default_rng(0).permutation(400))]
    assert all(len(set(shuffled[subjects == person])) > 1 for person in range(20))
    part = trials(distances, same, subjects)
    published = {legacy_verification(part, seed=k)["legacy_accuracy"] for k in range(5)}
    assert len(published) > 1
    ours = {verify(part).metrics["verification_accuracy"] for _ in range(5)}
    assert len(ours) == 1


def test_too_few_pairs_give_nothing():
    assert legacy_verification(trials([0.1, 0.2], [True, False])) == {}


def test_mean_of_folds():
    assert mean_of([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0, "b": 2.0}
