#!/usr/bin/env python
"""Table 2 on CaVI: single tasks, naive, dynamic and equal weights, beside the paper's rows.

Where the test list's images are there, the figures are the test split's, with the verification
threshold of the validation pairs, as in the paper. Where they are not, they are the validation
split's, with a threshold by two-fold cross-validation over identities.

`--recipe paper` has the paper's three separate branches and its optimizer, and `paper-adam` the
same by Adam; `best` has the settings of the preset `cavi-facenet`. Single tasks are trained with
the first seed alone. `--jobs 2` trains two runs at a time, each on half of the cores, which takes
less time. Rows and seeds may be trained one by one, if the first of `--seeds` is the same in each
call; a last call for all of them then only prints the tables.

`scripts/reproduce_table2` sets everything up and calls this.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import pandas as pd

from cari_keras.comparison.results import paired_difference
from cari_keras.comparison.tables import difference_cell, mean_and_spread
from cari_keras.evaluation.drawing import save
from cari_keras.evaluation.plots import plot_weights_and_losses
from cari_keras.evaluation.published import TABLES
from cari_keras.history import read_steps
from reproducing import add_jobs, evaluate, train, write_table

TABLE = TABLES["cavi"]

#: Row -> (flags of its run, the paper's name of it; the paper has no equal weights).
ROWS: dict[str, tuple[list[str], Optional[str]]] = {
    "Single-verif": (["--tasks", "verification"], "Single-verif"),
    "Single-visual": (["--tasks", "photo"], "Single-visual"),
    "Single-cari": (["--tasks", "caricature"], "Single-cari"),
    "Equal": (["--weighting", "equal"], None),
    "Naive dynamic": (["--weighting", "naive"], "Naive dynamic"),
    "Dynamic": (["--weighting", "dynamic"], "Dynamic MTL"),
}

#: Recipe -> the preset of its runs.
RECIPES = {"best": "cavi-facenet", "paper": "cavi-paper", "paper-adam": "cavi-paper-adam"}

#: What is subtracted from which row, seed by seed.
DIFFERENCES = (("Dynamic", "Naive dynamic"), ("Dynamic", "Equal"), ("Naive dynamic", "Equal"))

#: A row's figures by seed.
Found = dict[int, dict[str, Any]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="CaVI's folder")
    parser.add_argument(
        "--runs", type=Path, help="folder of the runs [runs/table2, or runs/table2-RECIPE]"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        help="rows of a single task use the first alone [0]",
    )
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS, help="rows to train")
    parser.add_argument("--recipe", default="best", choices=RECIPES, help="see above [best]")
    add_jobs(parser)
    parser.add_argument("--preset", help="preset of all runs, in place of the recipe's")
    given, others = parser.parse_known_args()
    preset = given.preset or RECIPES[given.recipe]
    folder = "runs/table2" if given.recipe == "best" else f"runs/table2-{given.recipe}"
    runs = given.runs or Path(folder)
    planned: dict[tuple[str, int], Path] = {}
    trainings: dict[Path, list[str]] = {}
    # Seed by seed, so that a table cut short is balanced.
    for seed in given.seeds:
        for name in given.rows:
            flags, _ = ROWS[name]
            if "--tasks" in flags and seed != given.seeds[0]:
                continue
            run = planned[name, seed] = runs / f"{name.lower().replace(' ', '-')}-{seed}"
            settings = ["--preset", preset, "--data-dir", given.data_dir, "--seed", str(seed)]
            trainings[run] = [*settings, *flags, *others]
    train(trainings, jobs=given.jobs)
    rows: dict[str, Found] = {name: {} for name in given.rows}
    for (name, seed), run in planned.items():
        rows[name][seed] = evaluate(run, test=True)
    table = figures(rows)
    splits = sorted({row["split"] for found in rows.values() for row in found.values()})
    print(f"\nCaVI, {' and '.join(splits)} split, percent:\n")
    print(table.to_string(index=False))
    if {"Single-visual", "Single-cari"} & set(given.rows):
        print(
            "\nThe paper's table has 53.60 and 41.80 in each other's row; here they are as in its "
            "Figure 2."
        )
    write_table(table, runs / "table2.csv")
    compared = differences(rows)
    if len(compared):
        print("\nDifferences seed by seed, points, with the 95 % interval of their mean")
        print("(*: the interval excludes 0):\n")
        print(compared.to_string(index=False))
        write_table(compared, runs / "differences.csv")
    curves = {
        name: read_steps(run)
        for (name, seed), run in planned.items()
        if seed == given.seeds[0] and "--tasks" not in ROWS[name][0]
    }
    if curves:
        picture = runs / "weights_and_losses.png"
        save(plot_weights_and_losses(curves, f"CaVI, seed {given.seeds[0]}"), picture)
        print(f"\nThe paper's Figure 6: {picture}")
    return 0


def figures(rows: Mapping[str, Found]) -> pd.DataFrame:
    """Each row's mean ± standard deviation over its seeds, below the paper's row."""
    lines = []
    for name, found in rows.items():
        of = list(found.values())
        ours = [
            mean_and_spread([f[c.metric] for f in of]) if c.metric in of[0] else "-"
            for c in TABLE.columns
        ]
        if (paper := ROWS[name][1]) is not None:
            lines.append([f"{name} (paper, test)", *TABLE.rows[paper]])
        lines.append([f"{name} (ours)", *ours])
    return pd.DataFrame(lines, columns=["", *(column.title for column in TABLE.columns)])


def differences(rows: Mapping[str, Found]) -> pd.DataFrame:
    """One row less another, over the seeds that both have; empty where none has two."""
    lines = []
    for one, other in DIFFERENCES:
        if len(set(rows.get(one, {})) & set(rows.get(other, {}))) < 2:
            continue
        cells = []
        for column in TABLE.columns:
            values, reference = (
                {seed: f[column.metric] for seed, f in rows[name].items()} for name in (one, other)
            )
            cells.append(difference_cell(paired_difference(values, reference)))
        lines.append([f"{one} - {other}", *cells])
    return pd.DataFrame(lines, columns=["", *(column.title for column in TABLE.columns)])


if __name__ == "__main__":
    raise SystemExit(main())
