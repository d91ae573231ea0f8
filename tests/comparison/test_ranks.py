"""Ranks of strategies, the tests of them, and their diagram."""

import cv2
import numpy as np
import pytest
from scipy import stats

from cari_keras.comparison.diagram import plot_critical_difference
from cari_keras.comparison.ranks import OVERALL, alike, critical_difference, rank_strategies
from cari_keras.comparison.tables import ranks_table
from cari_keras.evaluation.drawing import save


def results(**rows):
    """Strategy -> its photo identification seed by seed; V2C is the same for all."""
    return {
        strategy: {
            "photo_identification": dict(enumerate(values)),
            "v2c": dict.fromkeys(range(len(values)), 0.3),
        }
        for strategy, values in rows.items()
    }


def test_ranks_by_hand():
    ranks = rank_strategies(results(equal=(0.5, 0.5), naive=(0.4, 0.6), dynamic=(0.7, 0.6)))
    assert ranks.mean[OVERALL] == {"dynamic": 1.25, "naive": 2.25, "equal": 2.5}
    assert list(ranks.mean[OVERALL]) == ["dynamic", "naive", "equal"]
    assert ranks.mean["v2c"] == {"dynamic": 2, "naive": 2, "equal": 2}
    assert ranks.seeds == 2


def test_the_overall_rank_is_of_the_mean_of_the_metrics():
    found = results(equal=(0.5,), naive=(0.6,))
    found["equal"]["v2c"] = {0: 0.5}  # more than naive's lead in photos
    ranks = rank_strategies(found)
    assert ranks.mean[OVERALL] == {"equal": 1, "naive": 2}
    assert ranks.mean["photo_identification"] == {"equal": 2, "naive": 1}


def test_strategies_without_a_metric_or_a_seed_are_left_out():
    found = results(equal=(0.5, 0.5), naive=(0.4, 0.6), single=(0.9, 0.9), dynamic=(0.9, 0.9))
    del found["single"]["v2c"], found["dynamic"]["photo_identification"][1]
    assert set(rank_strategies(found).mean[OVERALL]) == {"equal", "naive"}
    del found["naive"]["v2c"]
    assert rank_strategies(found) is None


def test_one_seed_has_ranks_and_no_test():
    ranks = rank_strategies(results(equal=(0.5,), naive=(0.4,), dynamic=(0.7,)))
    assert ranks.mean[OVERALL] == {"dynamic": 1, "equal": 2, "naive": 3}
    assert ranks.test is None
    assert ranks_table(ranks).title == "Mean rank over 1 seed, 1 is the best"
    with pytest.raises(ValueError, match="needs two seeds"):
        plot_critical_difference(ranks)


def test_friedman_s_test():
    values = np.random.default_rng(0).normal(size=(4, 6)) + np.arange(4)[:, None]
    rows = dict(zip(("equal", "naive", "dynamic", "dwa"), values))
    ranks = rank_strategies(results(**rows))
    assert ranks.test.probability == pytest.approx(stats.friedmanchisquare(*values).pvalue)
    assert ranks.test.probability < 0.05
    assert rank_strategies(results(equal=(1, 1), naive=(1, 1), dwa=(1, 1))).test.probability == 1


@pytest.mark.parametrize(("strategies", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_nemenyi_s_critical_difference(strategies, q):
    """q of Table 5 of Demšar's paper."""
    expected = q * np.sqrt(strategies * (strategies + 1) / (6 * 5))
    assert critical_difference(strategies, 5) == pytest.approx(expected, rel=1e-3)


def test_groups_are_as_large_as_they_can_be():
    mean = {"a": 1.0, "c": 2.4, "b": 1.5, "d": 2.5, "e": 9.0}
    assert alike(mean, 1.0) == [["a", "b"], ["b", "c", "d"]]
    assert alike(mean, 0.01) == []
    assert alike(mean, 9.0) == [["a", "b", "c", "d", "e"]]


def test_the_diagram_names_all_and_joins_what_does_not_differ(tmp_path):
    rows = {f"strategy {i}": tuple(0.1 * i + 0.001 * s for s in range(5)) for i in range(5)}
    ranks = rank_strategies(results(**rows))
    figure = plot_critical_difference(ranks, "title")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"strategy 4 1.0", "5.0 strategy 0"} <= set(texts)
    assert any("critical difference 2.73 (5 seeds)" in text for text in texts)
    bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert len(bars) == len(alike(ranks.mean[OVERALL], ranks.test.critical_difference)) == 3
    save(figure, tmp_path / "ranks.png")
    assert cv2.imread(str(tmp_path / "ranks.png")).std() > 10
