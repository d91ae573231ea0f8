"""scripts/levers.py on the folder dataset, as its user runs it."""

import pandas as pd
import pytest

from tests.helpers.commands import run_script

FLAGS = "--dataset folder --pretrained none --depth paper --image-size 80 --batch-size 8 --epochs 1"


@pytest.mark.slow
def test_each_alone_and_all_together(folder_dataset, tmp_path):
    levers = ["label smoothing", "one bottleneck for all", "mirror image at test time"]
    flags = ["--runs", tmp_path / "runs", "--data-dir", folder_dataset, "--levers", *levers]
    run_script("levers.py", *flags, *FLAGS.split(), "--embedding-size", "8", "--quiet")
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
