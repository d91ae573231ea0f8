#!/usr/bin/env python
"""Table 2 on CaVI: single tasks, naive and learned dynamic weights, beside the paper's rows.

Where the test list's images are there, the figures are the test split's, with the verification
threshold of the validation pairs, as in the paper. Where they are not, they are the validation
split's, with a threshold by two-fold cross-validation over identities.

`scripts/reproduce_table2` sets everything up and calls this.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from runs import evaluate, train

#: Row -> (flags of its run, the paper's figures: verification, photo, caricature, V2C, C2V).
ROWS: dict[str, tuple[list[str], list[str]]] = {
    "Single-verif": (["--tasks", "verification"], ["92.46", "-", "-", "-", "-"]),
    "Single-visual": (["--tasks", "photo"], ["-", "98.10", "-", "-", "41.80"]),
    "Single-cari": (["--tasks", "caricature"], ["-", "-", "78.20", "53.60", "-"]),
    "Naive dynamic": (["--weighting", "naive"], ["93.80", "97.60", "75.80", "61.90", "62.80"]),
    "Dynamic": (["--weighting", "dynamic"], ["94.92", "98.35", "85.61", "80.04", "64.39"]),
}

#: The columns of the paper's table, by the evaluator's names.
COLUMNS = (
    "verification_accuracy",
    "photo_identification",
    "caricature_identification",
    "v2c",
    "c2v",
)


def cell(values: Sequence[float]) -> str:
    """Mean, and standard deviation where there are several, in percent."""
    if not values:
        return "-"
    series = 100 * pd.Series(values)
    spread = f" ± {series.std():.2f}" if len(series) > 1 else ""
    return f"{series.mean():.2f}{spread}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", required=True, help="CaVI's folder")
    parser.add_argument("--runs", type=Path, default=Path("runs/table2"), help="folder of the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one run a row for each")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS, help="which rows")
    parser.add_argument("--preset", default="cavi-facenet", help="the settings of all of them")
    given, others = parser.parse_known_args()
    lines, splits = [], set()
    for name in given.rows:
        flags, paper = ROWS[name]
        found = []
        for seed in given.seeds:
            run = given.runs / f"{name.lower().replace(' ', '-')}-{seed}"
            print(f"\n{name}, seed {seed}: {run}", flush=True)
            settings = ["--preset", given.preset, "--data-dir", given.data_dir, "--seed", str(seed)]
            train(run, [*settings, *flags, *others])
            found.append(evaluate(run, test=True))
            splits.add(found[-1]["split"])
        ours = [cell([f[c] for f in found if c in f]) for c in COLUMNS]
        lines += [[f"{name} (paper, test)", *paper], [f"{name} (ours)", *ours]]
    from cari_keras.evaluation.evaluator import LABELS

    table = pd.DataFrame(lines, columns=["", *(LABELS[column] for column in COLUMNS)])
    print(f"\nCaVI, {' and '.join(sorted(splits))} split, percent:\n")
    print(table.to_string(index=False))
    given.runs.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.runs / "table2.csv", index=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
