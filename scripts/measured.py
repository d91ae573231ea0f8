#!/usr/bin/env python
"""Makes a measurement of docs/results.md again, by its name.

    .venv/bin/python scripts/measured.py --list
    .venv/bin/python scripts/measured.py cavi-strangers --data cavi=DIR --dry-run
    .venv/bin/python scripts/measured.py cavi-strangers --data cavi=DIR

Prints each command before it runs it, or alone with `--dry-run`; the commands print the figures.
Trainings and evaluations go on where they were stopped.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Measured(NamedTuple):
    """A measurement.

    Attributes:
        section: The heading in docs/results.md below which its figures are.
        commands: What makes it; `{cavi}` and the like stand for folders of `--data`.
    """

    section: str
    commands: tuple[str, ...]


_LEVERS = (
    "scripts/levers.py --dataset cavi --epochs 16 --frozen-epochs 16 --frozen-views 2 "
    "--precision bfloat16"
)
_UNSEEN = "cari-train --preset strangers --no-align --final --data-dir {cavi} --unseen-fold 1/5"
_RUN = "runs/cavi-unseen-5/fold-1"

MEASURED = {
    "demo": Measured("Demo", ("scripts/demo",)),
    "folder": Measured(
        "A folder of few people", ("cari-train --dataset folder --data-dir {folder}",)
    ),
    "figure2": Measured("The gap between modalities", ("scripts/reproduce_figure2.py",)),
    "cavi-scratch": Measured(
        "CaVI from scratch", ("cari-train --preset cavi-scratch --data-dir {cavi} --epochs 3",)
    ),
    **{
        f"cavi-seed-{seed}": Measured(
            "CaVI from public weights",
            (
                f"cari-train --preset cavi-facenet --data-dir {{cavi}} --seed {seed} "
                f"--output runs/cavi-{seed}",
                f"cari-evaluate runs/cavi-{seed} --split validation",
            ),
        )
        for seed in range(3)
    },
    "cavi-whole-pictures": Measured(
        "Branch 1 trained, the people named by class means",
        ("cari-train --preset cavi --no-align --data-dir {cavi}",),
    ),
    "cavi": Measured("Aligned faces", ("cari-train --preset cavi --data-dir {cavi}",)),
    "cavi-faces": Measured(
        "Aligned faces",
        (
            "cari-train --preset cavi --no-whole-pictures --no-whole-caricatures --epochs 8 "
            "--data-dir {cavi}",
        ),
    ),
    "cavi-three-tasks": Measured(
        "The three tasks together",
        (
            "cari-train --preset strangers --no-align --image-size 192 --retain 1 "
            "--retain-embedding 3.3 --class-means 0.5 --head-start class_means "
            "--tasks verification caricature photo --verify-by identities --data-dir {cavi}",
        ),
    ),
    "people-never-seen-aligned": Measured(
        "Aligned faces of people never seen",
        (
            "cari-align {cavi} {aligned} --margin 0.2",
            "cari-train --preset strangers --data-dir {aligned} --unseen-fold 1/5 "
            "--output runs/aligned-1",
            "cari-evaluate runs/aligned-1",
        ),
    ),
    "people-never-seen-folds": Measured(
        "Aligned faces of people never seen",
        (
            *(
                f"cari-train --preset strangers --final --data-dir {{cavi}} --unseen-fold {k}/5 "
                f"--output runs/folds/fold-{k}"
                for k in range(1, 6)
            ),
            "cari-evaluate runs/folds --folds all",
            "cari-evaluate runs/folds --folds all --collection {other}",
        ),
    ),
    "people-never-seen-both-cuts": Measured(
        "Both cuts of people never seen",
        (
            "cari-train --preset strangers --final --whole-pictures --epochs 4 --data-dir {cavi} "
            "--unseen-fold 1/5 --output runs/both-cuts/fold-1",
            "cari-evaluate runs/both-cuts/fold-1",
            "cari-evaluate runs/both-cuts/fold-1 --collection {other}",
        ),
    ),
    "people-never-seen": Measured("People never seen", (_UNSEEN, f"cari-evaluate {_RUN}")),
    "people-never-seen-elsewhere": Measured(
        "People never seen", (_UNSEEN, f"cari-evaluate {_RUN} --collection {{other}}")
    ),
    "levers": Measured("Every lever of the recipe", (f"{_LEVERS} --data-dir {{cavi}}",)),
    "levers-exaggeration": Measured(
        "Every lever of the recipe",
        (
            "cari-align {cavi} {aligned}",
            f"{_LEVERS} --data-dir {{aligned}} --runs runs/aligned --levers exaggeration "
            "--no-together",
        ),
    ),
    "table2-short": Measured(
        "Table 2 on a short schedule",
        (
            "scripts/reproduce_table2 --data-dir {cavi} --epochs 11 --frozen-epochs 6 "
            "--frozen-views 2 --no-flip-test --evaluate-every 11",
        ),
    ),
    "table2-paper": Measured(
        "Table 2 by the paper's recipe",
        ("scripts/reproduce_table2 --data-dir {cavi} --recipe paper --seeds 0 1 2 --jobs 2",),
    ),
    "table2-paper-adam": Measured(
        "Table 2 by Adam",
        ("scripts/reproduce_table2 --data-dir {cavi} --recipe paper-adam --seeds 0 1 2 --jobs 2",),
    ),
    "toy": Measured(
        "The toy example",
        (
            "cari-compare --preset cavi-paper-adam --data-dir {cavi} --tasks caricature photo "
            "--strategies dynamic naive",
        ),
    ),
    "strategies-cavi-short": Measured(
        "Strategies on CaVI, two epochs",
        ("cari-compare --preset cavi-short --data-dir {cavi} --seeds 0 1 2",),
    ),
    "strategies-demo": Measured(
        "Strategies on the demo",
        ("cari-compare --strategies all --epochs 6 --seeds 0 1 2 3 4 --jobs 2",),
    ),
    "strategies-cavi-frozen": Measured(
        "Strategies on CaVI from frozen layers",
        (
            "cari-compare --preset cavi-frozen --data-dir {cavi} --strategies all "
            "--seeds 0 1 2 --jobs 2",
        ),
    ),
    "scaling": Measured("How cost grows", ("scripts/scaling.py",)),
    "alignment": Measured("Alignment", ("cari-align {cavi} {aligned}",)),
    "alignment-speed": Measured("Alignment", ("scripts/bench_align.py {photos}",)),
    "pairs": Measured("Every pair of WebCaricature", ("scripts/bench_pairs.py",)),
    "training-speed": Measured("Speed", ("scripts/bench_train.py",)),
    "cavi-strangers": Measured(
        "The bench of datasets",
        ("cari-evaluate facenet --dataset cavi --data-dir {cavi} --split unknown",),
    ),
}


def commands_of(name: str, data: dict[str, str]) -> list[list[str]]:
    """A measurement's commands, as words to run.

    Raises:
        SystemExit: A folder that the commands need was not given.
    """
    found = []
    for command in MEASURED[name].commands:
        try:
            words = [word.format_map(data) for word in shlex.split(command)]
        except KeyError as error:
            raise SystemExit(
                f"{name} needs a folder; name it with --data {error.args[0]}=DIR"
            ) from None
        found.append([*_program(words[0]), *words[1:]])
    return found


def _program(word: str) -> list[str]:
    """What runs a command of the package, or a script."""
    if word.startswith("cari-"):
        return [sys.executable, "-m", "cari_keras", word.removeprefix("cari-")]
    path = str(ROOT / word)
    return [sys.executable, path] if word.endswith(".py") else [path]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=MEASURED, metavar="NAME", help="see --list")
    parser.add_argument(
        "--data", nargs="+", default=[], metavar="NAME=DIR", help="folders of data, as cavi=DIR"
    )
    parser.add_argument("--list", action="store_true", help="list the measurements")
    parser.add_argument("--dry-run", action="store_true", help="print only the commands")
    given = parser.parse_args()
    if given.list:
        for name, measured in MEASURED.items():
            print(f"{name:<28} {measured.section}")
        return 0
    if given.name is None:
        parser.error("name a measurement, or give --list")
    data = dict(pair.partition("=")[::2] for pair in given.data)
    for command in commands_of(given.name, data):
        print(shlex.join(command), flush=True)
        if not given.dry_run and (status := subprocess.call(command)):
            return status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
