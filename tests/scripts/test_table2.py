"""scripts/table2.py on a tiny tree in CaVI's layout, as its user runs it."""

import json

import pandas as pd
import pytest

from tests.cli.commands import run_script
from tests.conftest import write_image

FLAGS = "--preset cavi --image-size 80 --batch-size 4 --embedding-size 8 --epochs 1 --quiet"


def tree(root, *, with_test):
    """Two identities, six images of each modality: 0 for validation, 1 for the test."""
    people = ("ann", "bob")
    for i, who in enumerate(people):
        for m, folder in enumerate(("Real", "Caricature")):
            for k in range(6):
                if k == 1 and not with_test:
                    continue
                path = root / "CaVI_Dataset" / folder / who / f"{k}.jpg"
                write_image(path, (60 + 120 * i, 90, 60 + 90 * m), seed=100 * i + 10 * m + k)
    (root / "train-test-files").mkdir()
    for name, k in (("validation.txt", 0), ("testing_1.txt", 1)):
        rows = [
            f"{a} Caricature/{a}\\{k}.jpg {b} Real/{b}\\{k}.jpg {int(a == b)}\n"
            for a in people
            for b in people
        ]
        (root / "train-test-files" / name).write_text("".join(rows))
    return root


def table2(data, runs, *flags):
    return run_script("table2.py", "--data-dir", data, "--runs", runs, *flags, *FLAGS.split())


@pytest.mark.slow
@pytest.mark.parametrize("with_test", [True, False])
def test_rows_beside_the_papers_and_a_second_call_only_reads(with_test, tmp_path):
    data = tree(tmp_path / "cavi", with_test=with_test)
    split = "test" if with_test else "validation"
    rows = ("--rows", "Single-visual", "Dynamic")
    printed = table2(data, tmp_path / "runs", *rows)
    assert f"CaVI, {split} split, percent:" in printed
    table = pd.read_csv(tmp_path / "runs" / "table2.csv", index_col=0, dtype=str)
    assert list(table.loc["Dynamic (paper, test)"]) == ["94.92", "98.35", "85.61", "80.04", "64.39"]
    ours = table.loc["Single-visual (ours)"]
    assert ours["Verification"] == ours["C2V"] == "-"  # it has neither embedding nor that head
    stored = json.loads((tmp_path / "runs/dynamic-0/evaluations/test-own.json").read_text())
    assert stored["split"] == split
    assert table.loc["Dynamic (ours)", "Photo id."] == f"{100 * stored['photo_identification']:.2f}"
    weights = tmp_path / "runs" / "dynamic-0" / "best" / "arrays.npz"
    before = weights.stat().st_mtime_ns
    assert (
        table2(data, tmp_path / "runs", *rows).split("percent:")[1] == printed.split("percent:")[1]
    )
    assert weights.stat().st_mtime_ns == before
