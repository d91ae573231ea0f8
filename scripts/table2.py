#!/usr/bin/env python
"""Table 2 on CaVI: single tasks, naive and learned dynamic weights, beside the paper's rows.

Where the test list's images are there, the figures are the test split's, with the verification
threshold of the validation pairs, as in the paper. Where they are not, they are the validation
split's, with a threshold by two-fold cross-validation over identities.

`scripts/reproduce_table2` sets everything up and calls this.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from cari_keras.comparison.tables import mean_and_spread
from cari_keras.evaluation.published import TABLES
from reproducing import evaluate, train, write_table

TABLE = TABLES["cavi"]

#: Row -> (flags of its run, the paper's name of it).
ROWS: dict[str, tuple[list[str], str]] = {
    "Single-verif": (["--tasks", "verification"], "Single-verif"),
    "Single-visual": (["--tasks", "photo"], "Single-visual"),
    "Single-cari": (["--tasks", "caricature"], "Single-cari"),
    "Naive dynamic": (["--weighting", "naive"], "Naive dynamic"),
    "Dynamic": (["--weighting", "dynamic"], "Dynamic MTL"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", required=True, help="CaVI's folder")
    parser.add_argument("--runs", type=Path, default=Path("runs/table2"), help="folder of the runs")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="seeds; each row trains once with each"
    )
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS, help="rows to train")
    parser.add_argument("--preset", default="cavi-facenet", help="preset of all runs")
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
        ours = [
            mean_and_spread([f[c.metric] for f in found]) if c.metric in found[0] else "-"
            for c in TABLE.columns
        ]
        lines += [[f"{name} (paper, test)", *TABLE.rows[paper]], [f"{name} (ours)", *ours]]
    table = pd.DataFrame(lines, columns=["", *(column.title for column in TABLE.columns)])
    print(f"\nCaVI, {' and '.join(sorted(splits))} split, percent:\n")
    print(table.to_string(index=False))
    if {"Single-visual", "Single-cari"} & set(given.rows):
        print(
            "\nThe paper's table has 53.60 and 41.80 in each other's row; here they are as in its "
            "Figure 2."
        )
    write_table(table, given.runs / "table2.csv")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
