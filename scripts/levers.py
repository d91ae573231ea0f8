#!/usr/bin/env python
"""What each lever of the fine-tuning recipe is worth: alone, and all together, beside a plain run.

The plain run has every lever off; flags that this script does not know go to cari-train and hold
for all runs. Runs that were interrupted are gone on with, finished ones are only read. Levers that
act at test time are tried on the plain run's weights, without training anew.

    # On stored outputs of frozen shared layers, a minute or two a lever:
    .venv/bin/python scripts/levers.py --dataset cavi --data-dir DIR --epochs 16 --frozen-epochs 16
    # (Rates by layer, a fixed stem and photos retained change nothing there: theirs is frozen.)
    # The same on aligned faces: DIR is then what cari-align wrote.
    # Fine-tuning everything, some of the levers:
    .venv/bin/python scripts/levers.py --dataset cavi --data-dir DIR --epochs 4 \\
        --levers "label smoothing" "rates by layer"
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from cari_keras.model.checkpoints import load_checkpoint
from reproducing import add_jobs, evaluate, train, write_table

#: What the runs start from: the public weights, every lever off.
PLAIN = [
    "--preset cavi-scratch --pretrained facenet --depth facenet --private-blocks 0",
    "--bn-momentum 0.995 --dropout 0.0",
    "--learning-rate 1e-3 --warmup 0.0 --schedule constant --average-decay 0",
    "--crop 1 --test-crops 1 --color 0 --greyscale 0 --no-repeatable",
]

#: Lever -> flags of its run.
LEVERS = {
    "cosine schedule, warm-up": "--schedule cosine --warmup 0.1",
    "rates by layer": "--shared-rate 0.1",
    "fixed stem": "--frozen-stages stem",
    "photos retained": "--retain 1",
    "branches first": "--frozen-epochs 2",
    "BatchNorm momentum": "--bn-momentum 0.98",
    "dropout": "--dropout 0.3",
    "crops": "--crop 0.75",
    "rotation": "--rotation 10",
    "erasing": "--erase 0.2",
    "color and greyscale": "--color 0.3 --greyscale 0.3",
    "drawings": "--drawing 0.1",
    "label smoothing": "--label-smoothing 0.1",
    "angular margin": "--margin 0.2",
    "embedding of 512": "--embedding-size 512",
    "one block8 for each branch": "--private-blocks 1",
    "one bottleneck for all": "--shared-bottleneck",
    "heads about a common one": "--shared-bottleneck --head-decay 1e-3",
    "sharp crops": "--stored-size 224",
    "weight averaging": "--average-decay 0.99",
    "class means": "--class-means 0.5",
    "exaggeration": "--exaggerate 0.5",
}

#: Levers that "together" leaves out: they exclude another one, or need keypoints.
NOT_TOGETHER = (
    "angular margin",
    "embedding of 512",
    "one block8 for each branch",
    "exaggeration",
    "branches first",
)

#: Lever -> how it answers, see `AnswerSettings` at the images.
TEST_LEVERS: dict[str, dict[str, Any]] = {
    "mirror image at test time": {"flip_test": True},
    "two squares at test time": {"test_crops": (1.0, 0.85)},
    "verification by identities": {"verify_by": "identities"},
}


def table(found: dict[str, dict[str, float]]) -> pd.DataFrame:
    """The plain run in percent, the others as differences from it in points."""
    from cari_keras.evaluation.labels import LABELS

    rows = []
    plain = found["plain"]
    for name, metrics in found.items():
        row = {"lever": name}
        for column, label in LABELS.items():
            if column not in plain:  # of a task that is not trained, or that has no images
                continue
            if name == "plain":
                row[label] = f"{100 * plain[column]:.2f}"
            else:
                row[label] = f"{100 * (metrics[column] - plain[column]):+.2f}"
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    choices = [*LEVERS, *TEST_LEVERS]
    default = [name for name in choices if name != "exaggeration"]
    parser.add_argument("--runs", type=Path, default=Path("runs/levers"), help="folder of the runs")
    parser.add_argument(
        "--levers", nargs="*", default=default, choices=choices, help="levers to try"
    )
    parser.add_argument(
        "--no-together", action="store_true", help="leave out the run with all levers"
    )
    add_jobs(parser)
    given, others = parser.parse_known_args()
    plain = " ".join(PLAIN).split()
    trained = {name: LEVERS[name].split() for name in given.levers if name in LEVERS}
    variants: dict[str, list[str]] = {"plain": [], **trained}
    if not given.no_together:
        together = [flag for n, flags in trained.items() if n not in NOT_TOGETHER for flag in flags]
        variants["together"] = together
    runs = {name: given.runs / name.replace(",", "").replace(" ", "-") for name in variants}
    # The last of equal flags holds: a lever's over the plain ones, the caller's over both.
    trainings = {runs[name]: [*plain, *flags, *others] for name, flags in variants.items()}
    train(trainings, jobs=given.jobs)
    found = {}
    for name, run in runs.items():
        # Of the best epoch, as the test-time levers' are.
        found[name] = load_checkpoint(run / "best")[1]["metrics"]
        for view in (v for v in given.levers if v in TEST_LEVERS and name in ("plain", "together")):
            label = view if name == "plain" else f"{name}, {view}"
            found[label] = evaluate(run, **TEST_LEVERS[view])
    shown = table(found)
    print("\nValidation: the plain run in percent, the others by their difference in points\n")
    print(shown.to_string(index=False))
    write_table(shown, given.runs / "levers.csv")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
