"""Figures of runs by strategy and seed, and their paired differences."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cari_keras.comparison.cost import Cost
from cari_keras.comparison.plan import plan_runs
from cari_keras.comparison.results import HARDEST, paired_difference, read_results
from cari_keras.comparison.tables import (
    as_markdown,
    costs_table,
    differences_table,
    metrics_table,
)
from cari_keras.config import Config
from cari_keras.errors import CheckpointError
from cari_keras.history import STEP_COLUMNS


def write_run(folder: Path, metrics: dict, weights=(0.2, 0.5, 0.3)):
    """Two epochs, the first of which is better; caricature is always the hardest task."""
    folder.mkdir(parents=True)
    rows = [["epoch", "iteration", *metrics]]
    rows += [[k, 10 * k, *(v + (2 - k) for v in metrics.values())] for k in (1, 2)]
    (folder / "metrics.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    steps = [STEP_COLUMNS, *([k, 1, 3, 2, *weights, 0] for k in range(20))]
    (folder / "steps.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in steps))


@pytest.fixture
def found(tmp_path):
    strategies, seeds = ["equal", "dynamic", "naive", "single"], [0, 1, 2]
    runs = plan_runs(Config(), strategies, seeds, tmp_path)
    for run in runs:
        photo = {"equal": 0.5, "dynamic": 0.6, "naive": 0.4, "single": 0.7}[run.strategy]
        metrics = {"photo_identification": photo + 0.01 * run.seed, "v2c": 0.3}
        if run.strategy == "single" and run.config.training.tasks != ("photo",):
            metrics = {"verification_accuracy": 0.9}
        if run.strategy == "dynamic":
            metrics["photo_identification"] += 0.01 * (run.seed == 2)
        weights = (0.5, 0.2, 0.3) if run.strategy == "naive" else (0.2, 0.5, 0.3)
        write_run(Path(run.config.training.output), metrics, weights)
    return read_results(runs)


def test_the_last_epoch_counts_and_single_runs_are_one_row(found):
    assert found["equal"]["photo_identification"] == pytest.approx({0: 0.5, 1: 0.51, 2: 0.52})
    assert found["single"]["photo_identification"] == pytest.approx({0: 0.7, 1: 0.71, 2: 0.72})
    assert found["single"]["verification_accuracy"] == {0: 0.9, 1: 0.9, 2: 0.9}
    assert found["dynamic"][HARDEST] == {0: 1.0, 1: 1.0, 2: 1.0}
    assert found["naive"][HARDEST] == {0: 0.0, 1: 0.0, 2: 0.0}
    assert HARDEST not in found["equal"]


def test_a_run_without_figures_is_named(tmp_path):
    runs = plan_runs(Config(), ["equal"], [5], tmp_path)
    with pytest.raises(CheckpointError, match="equal-5: no validation metrics"):
        read_results(runs)


def test_tables_by_hand(found):
    table = metrics_table(found, "cavi")
    rows = {row[0].strip(): dict(zip(table.columns, row)) for row in table.rows}
    assert rows["equal"]["Photo id."] == "51.00 ± 1.00"
    assert rows["paper: Dynamic MTL"]["Photo id."] == "98.35"
    assert rows["paper: Single-verif"]["Photo id."] == "-"
    assert rows["equal"]["Hardest has most"] == "-"
    assert rows["dynamic"]["Hardest has most"] == "100.00 ± 0.00"
    assert not [row for row in metrics_table(found, "demo").rows if "paper" in row[0]]
    # Differences 10, 10, 11 points: mean 10.33, deviation 0.577, error 0.333, times t = 4.303.
    differences = {row[0]: row[1:] for row in differences_table(found).rows}
    assert differences["dynamic"][0] == "+10.33 ± 1.43*"
    assert differences["dynamic"][1] == "+0.00 ± 0.00"
    assert "equal" not in differences
    costs = costs_table({"equal": Cost(0.1, 1.0), "famo": Cost(0.15, 1.52)})
    assert costs.rows == [["equal", "100.0", "+0.0 %"], ["famo", "150.0", "+52.0 %"]]
    assert "| famo | 150.0 | +52.0 % |\n" in as_markdown(costs)


def test_paired_difference():
    assert paired_difference({0: 0.9}, {0: 0.7, 1: 0.5}) == (pytest.approx(0.2), None, 1)
    assert not paired_difference({0: 0.9}, {0: 0.7}).is_significant
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6))
    found = paired_difference(dict(enumerate(a)), dict(enumerate(b)))
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found.mean == pytest.approx((low + high) / 2)
    assert found.half_width == pytest.approx((high - low) / 2, rel=1e-3)
    assert found.is_significant == (low > 0 or high < 0)
    with pytest.raises(ValueError, match="needs at least one seed"):
        paired_difference({0: 1.0}, {1: 1.0})


@pytest.mark.parametrize(("seeds", "point"), [(2, 12.706), (5, 2.776), (40, 2.023)])
def test_the_interval_is_student_s(seeds, point):
    """Tabled 97.5 % points of 1, 4 and 39 degrees of freedom."""
    values = {seed: float(seed % 2) for seed in range(seeds)}
    found = paired_difference(values, dict.fromkeys(values, 0.0))
    error = np.std(list(values.values()), ddof=1) / math.sqrt(seeds)
    assert math.isclose(found.half_width / error, point, abs_tol=6e-4)
