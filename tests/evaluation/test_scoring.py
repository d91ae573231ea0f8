"""One fold's metrics: thresholds chosen elsewhere, FARs achieved, galleries with known ranks."""

import numpy as np
import pytest

from cari_keras.data.base import ProbeSearch
from cari_keras.errors import DatasetError
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.scoring import identify, verify
from cari_keras.evaluation.trials import Trials


def trials(genuine, impostor):
    distances = np.array([*genuine, *impostor], np.float32)
    same = np.array([True] * len(genuine) + [False] * len(impostor))
    names = [str(k) for k in range(len(same))]
    return Trials(distances, same, names, names, np.arange(len(same)) % 4)


def test_threshold_from_other_pairs_and_the_far_it_has_here():
    """Elsewhere 1 % of impostors lie below 0.5; here 2 of 10 do."""
    elsewhere = trials([0.1, 0.2], [0.5, *([2.0] * 99)])
    here = trials([0.3, 0.4, 0.6, 1.9], [0.2, 0.45, *([3.0] * 8)])
    metrics, points, thresholds = verify(here, elsewhere)
    # At 0.1 % no impostor of the hundred may pass: up to just below 0.5.
    assert metrics["val_at_far_0.001"] == pytest.approx(2 / 4)
    assert metrics["far_achieved_0.001"] == pytest.approx(2 / 10)
    # At 1 % one may: up to just below 2.0.
    assert metrics["val_at_far_0.01"] == 1.0
    assert metrics["far_achieved_0.01"] == pytest.approx(2 / 10)
    # On its own ROC nothing may pass below 0.2.
    assert metrics["tar_at_far_0.01"] == 0.0
    assert [(p.far, p.own) for p in points] == [
        (0.001, True),
        (0.001, False),
        (0.01, True),
        (0.01, False),
    ]
    assert all(not p.point.resolved and p.point.impostors == 10 for p in points)
    assert metrics["verification_accuracy"] == pytest.approx(10 / 14)  # at 0.35
    np.testing.assert_allclose(thresholds, 0.35)


def test_without_other_pairs_the_thresholds_are_cross_validated():
    here = trials([0.1, 0.2, 0.3, 0.4], [2.0, 2.1, 2.2, 2.3])
    metrics, points, thresholds = verify(here)
    assert metrics["verification_accuracy"] == 1.0
    assert metrics["verification_auc"] == 1.0
    assert metrics["verification_eer"] == 0.0
    assert not any(name.startswith(("val", "far")) for name in metrics)
    assert thresholds.shape == (8,)
    assert all(point.own for point in points)


def test_a_class_that_is_absent_is_not_a_zero():
    """Nor is one kind of pairs judged perfectly, by whatever threshold."""
    distances = [0.1, 0.2, 0.3, 0.4]
    for here in (trials(distances, []), trials([], distances)):
        for others in (None, trials([0.1], [0.2])):
            metrics, points, thresholds = verify(here, others)
            assert set(metrics) == {f"verification_{m}" for m in ("accuracy", "auc", "eer")}
            assert np.isnan(list(metrics.values())).all()
            assert (points, thresholds) == ((), None)


def test_without_accuracy():
    found = verify(trials([0.1], [2.0] * 50), trials([0.1], [1.0] * 50), with_accuracy=False)
    assert "verification_accuracy" not in found.metrics
    assert found.thresholds[0] == pytest.approx(1.0, abs=1e-6)


def test_galleries_with_known_ranks():
    """Three people on a circle; the probe of the third is nearest to the first."""
    angles = np.radians([0, 90, 180, 5, 95, 30])
    embedding = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2])
    names = ["g0", "g1", "g2", "q0", "q1", "q2"]
    predictions = Predictions(names, labels, np.zeros(6, bool), {"embedding": embedding})
    gallery = ProbeSearch(("g0", "g1", "g2"), ("q0", "q1", "q2"))
    found = identify(predictions, {"C2P": gallery}, ranks=(1, 2, 10))
    metrics, curves, counts, hits, named, probes = found
    assert [(one.path, one.nearest, one.rank) for one in probes["C2P"]] == [
        ("q0", "g0", 1),
        ("q1", "g1", 1),
        ("q2", "g0", 3),
    ]
    assert metrics == {
        "c2p_rank_1": pytest.approx(2 / 3),
        "c2p_rank_2": pytest.approx(2 / 3),
        "c2p_rank_10": 1.0,
    }
    assert curves["C2P"].tolist() == pytest.approx([2 / 3, 2 / 3, 1])
    assert counts == {"C2P gallery images": 3, "C2P probes": 3, "C2P gallery people": 3}
    assert hits["c2p_rank_1"][0].tolist() == [1, 1, 0]
    assert hits["c2p_rank_1"][1].tolist() == [0, 1, 2]
    assert named["C2P"][1].tolist() == [0, 1, 0]
    short = ProbeSearch(("g0", "g1"), ("q0", "q1", "q2", "absent"))
    counts = identify(predictions, {"C2P": short}).counts
    assert counts["C2P probes"] == 2
    lost = counts["C2P probes left out: no image, or nobody like them in the gallery"]
    assert lost == 2


def test_a_threshold_from_too_few_impostors_is_flagged():
    """A thousand impostors here, fifty there: a FAR of 0.1 % was never met."""
    rng = np.random.default_rng(0)

    def pairs(impostors):
        return trials(rng.normal(0.5, 0.1, 20), rng.normal(1.5, 0.1, impostors))

    points = {(p.far, p.own): p for p in verify(pairs(1000), pairs(50)).points}
    assert points[0.001, True].resolved
    assert points[0.001, False].point.resolved
    assert not points[0.001, False].resolved
    assert points[0.001, False].chosen_on == 50
    with pytest.raises(DatasetError, match="no pairs to take thresholds from"):
        verify(pairs(10), trials([], []))
