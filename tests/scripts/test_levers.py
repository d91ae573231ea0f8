"""scripts/levers.py on the folder dataset, as its user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = "--dataset folder --pretrained none --depth paper --image-size 80 --batch-size 8 --epochs 1"


@pytest.mark.slow
def test_each_alone_and_all_together(folder_dataset, tmp_path):
    levers = ["label smoothing", "one bottleneck for all", "mirror image at test time"]
    command = [sys.executable, str(ROOT / "scripts/levers.py"), "--runs", str(tmp_path / "runs")]
    command += ["--levers", *levers, *FLAGS.split(), "--embedding-size", "8", "--quiet"]
    result = subprocess.run(
        [*command, "--data-dir", str(folder_dataset)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    rows = pd.read_csv(tmp_path / "runs" / "levers.csv", index_col=0, dtype=str)
    assert list(rows.index) == [
        "plain",
        "mirror image at test time",
        "label smoothing",
        "one bottleneck for all",
        "together",
        "together, mirror image at test time",
    ]

    def last(name):
        return pd.read_csv(tmp_path / "runs" / name / "metrics.csv").iloc[-1]["verification_auc"]

    plain, smoothed = last("plain"), last("label-smoothing")
    assert rows.loc["plain", "AUC"] == f"{100 * plain:.2f}"
    assert rows.loc["label smoothing", "AUC"] == f"{100 * (smoothed - plain):+.2f}"
