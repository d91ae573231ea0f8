"""scripts/table2.py on a tiny tree in CaVI's layout, as its user runs it."""

import json

import cv2
import pandas as pd
import pytest

from cari_keras.process import usable_cores
from tests.helpers.cavi import write_cavi
from tests.helpers.commands import load_script, run_script
from tests.helpers.runs import SMALL_NETWORK

FLAGS = (
    f"--preset cavi-scratch {SMALL_NETWORK} --image-size 80 --batch-size 4 --embedding-size 8 "
    "--epochs 1 --quiet"
)


def table2(data, runs, *flags):
    return run_script("table2.py", "--data-dir", data, "--runs", runs, *flags, *FLAGS.split())


@pytest.mark.slow
def test_rows_beside_the_papers_and_a_second_call_only_reads(tmp_path):
    data = write_cavi(tmp_path / "cavi", with_test=True)
    jobs = str(min(2, len(usable_cores())))
    rows = ("--rows", "Single-visual", "Dynamic", "--jobs", jobs)
    printed = table2(data, tmp_path / "runs", *rows)
    assert "CaVI, test split, percent:" in printed
    table = pd.read_csv(tmp_path / "runs" / "table2.csv", index_col=0, dtype=str)
    assert list(table.loc["Dynamic (paper, test)"]) == ["94.92", "98.35", "85.61", "80.04", "64.39"]
    ours = table.loc["Single-visual (ours)"]
    assert ours["Verification"] == ours["C2V"] == "-"  # it has neither embedding nor that head
    stored = json.loads((tmp_path / "runs/dynamic-0/evaluation/test-own.json").read_text())
    assert stored["split"] == "test"
    assert table.loc["Dynamic (ours)", "Photo id."] == f"{100 * stored['photo_identification']:.2f}"
    assert cv2.imread(str(tmp_path / "runs" / "weights_and_losses.png")).std() > 10
    weights = tmp_path / "runs" / "dynamic-0" / "best" / "arrays.npz"
    before = weights.stat().st_mtime_ns
    assert (
        table2(data, tmp_path / "runs", *rows).split("percent:")[1] == printed.split("percent:")[1]
    )
    assert weights.stat().st_mtime_ns == before


def test_differences_are_taken_seed_by_seed():
    table2 = load_script("table2")
    metric = table2.TABLE.columns[0].metric
    rest = {column.metric: 0.5 for column in table2.TABLE.columns[1:]}
    of = lambda *values: {seed: {metric: v, **rest} for seed, v in enumerate(values)}  # noqa: E731
    rows = {
        "Dynamic": of(0.9, 0.8, 0.7),
        "Naive dynamic": of(0.8, 0.7, 0.6),
        "Equal": of(0.9),
        "Single-verif": {0: {metric: 0.5}},
    }
    figures = table2.figures(rows).set_index("")
    assert figures.loc["Dynamic (ours)"].iloc[0] == "80.00 ± 10.00"
    assert figures.loc["Single-verif (ours)"].iloc[1] == "-"
    assert "Equal (paper, test)" not in figures.index
    compared = table2.differences(rows).set_index("")
    assert list(compared.index) == ["Dynamic - Naive dynamic"]  # of one seed there is no interval
    assert list(compared.iloc[0][:2]) == ["+10.00 ± 0.00*", "+0.00 ± 0.00"]


@pytest.mark.slow
def test_the_test_split_is_scored_once_its_images_are_there(tmp_path):
    runs = tmp_path / "runs"
    data = write_cavi(tmp_path / "cavi", with_test=False)
    assert "CaVI, validation split, percent:" in table2(data, runs, "--rows", "Single-visual")
    write_cavi(data, with_test=True)
    assert "CaVI, test split, percent:" in table2(data, runs, "--rows", "Single-visual")
