#!/usr/bin/env python
"""The paper's Figure 2: the gap between photos and caricatures, as two single-task runs show it.

One network is trained on photos alone and one on caricatures alone; each then identifies the
validation images of both modalities. A run that was interrupted is gone on with, a finished one is
only read.

    .venv/bin/python scripts/reproduce_figure2.py
    .venv/bin/python scripts/reproduce_figure2.py --preset cavi-scratch --data-dir DIR --epochs 10

Flags it does not know go to cari-train.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from reproducing import add_jobs, train

#: Trained on -> metrics.csv's columns for (photos, caricatures), and the paper's figures (CaVI).
RUNS = {
    "photo": (("photo_identification", "v2c"), (98.10, 53.60)),
    "caricature": (("c2v", "caricature_identification"), (41.80, 78.20)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/figure2"), help="folder of the two runs"
    )
    add_jobs(parser)
    given, others = parser.parse_known_args()
    train({given.runs / task: ["--tasks", task, *others] for task in RUNS}, jobs=given.jobs)
    rows = []
    for task, (columns, paper) in RUNS.items():
        last = pd.read_csv(given.runs / task / "metrics.csv").iloc[-1]
        found = [f"{100 * last[column]:.1f} %" for column in columns]
        rows.append([f"{task}s", *found, *(f"{value:.1f} %" for value in paper)])
    names = ["trained on", "photos", "caricatures", "paper: photos", "paper: caricatures"]
    print("\nIdentified (the paper's figures are CaVI's):\n")
    print(pd.DataFrame(rows, columns=names).to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
