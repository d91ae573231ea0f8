"""cari-compare: compares strategies for weighting the tasks, over several seeds."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Optional

from cari_keras.cli.again import command, tell_next
from cari_keras.cli.flags import (
    add_config_flags,
    asked_config,
    config_flags,
    config_values,
    run_program,
)
from cari_keras.cli.parser import Parser
from cari_keras.comparison.plan import named_strategies, plan_runs
from cari_keras.comparison.processes import core_shares
from cari_keras.comparison.runner import train_runs
from cari_keras.config import Config
from cari_keras.errors import ConfigError, DatasetError, StoppedError
from cari_keras.saved import CONFIG, read_config
from cari_keras.training.recipe import as_begun, fit
from cari_keras.vocabulary import STRATEGIES

EXAMPLES = """
examples:
  cari-compare                          equal, naive and dynamic on the demo
  cari-compare --strategies all         every strategy that needs no settings
  cari-compare --preset cavi-frozen --data-dir DIR --seeds 0 1 2
                                        on CaVI, minutes a run
  cari-compare --preset toy --data-dir DIR --strategies dynamic naive
                                        section 5.3 of the paper, its Figure 5
The same command continues after a stop. Flags of cari-train apply to all runs.
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-compare", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser(
        "cari-compare",
        "Compares strategies for weighting the tasks. Differences are from equal weights.",
        EXAMPLES,
    )
    parser.add_argument(
        "--strategies",
        nargs="+",
        metavar="X",
        default=["equal", "naive", "dynamic"],
        help=f"all (but single and static), or some of {', '.join(STRATEGIES)} "
        "[equal naive dynamic]",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[0],
        metavar="K",
        help="seeds of the runs [0]",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="runs side by side, each on its share of the cores [1]",
    )
    parser.add_argument("--quiet", action="store_true", help="print only the tables at the end")
    others = {
        "weighting": "use --strategies",
        "seed": "use --seeds",
        "frozen_dir": "its runs share their stored outputs anyway",
    }
    add_config_flags(parser, hidden=list(others))
    parser.rare("unseen_fold", "align")
    given = parser.parse_args(arguments)
    for name, remedy in others.items():
        if hasattr(given, name):
            raise ConfigError(f"cari-compare has no --{name.replace('_', '-')}; {remedy}")
    core_shares(given.jobs)  # refused before anything is searched for
    preset = given.preset or getattr(given, "dataset", "demo")
    config, flags = asked_config(given), config_values(given)
    folder = Path(config.training.output or f"runs/compare-{preset}")
    strategies = named_strategies(given.strategies)
    config = _fitted(config, flags, alone="single" in strategies, progress=not given.quiet)
    runs = plan_runs(config, strategies, given.seeds, folder)
    if begun := next((run for run in runs if (run.folder / CONFIG).is_file()), None):
        # Tasks are each run's own; whatever else was fitted stays as it was.
        config = as_begun(config, read_config(begun.folder), [*flags, "tasks"])
        runs = plan_runs(config, strategies, given.seeds, folder)
    try:
        train_runs(runs, config_flags(config), jobs=given.jobs, progress=not given.quiet)
    except StoppedError as stopped:
        with contextlib.suppress(OSError):  # to a terminal that is gone
            print("cari-compare: stopped; the same command continues from here", file=sys.stderr)
        return 128 + stopped.signal
    from cari_keras.comparison.report import report
    from cari_keras.comparison.results import best_run

    report(
        config,
        runs,
        folder,
        lambda table: print(f"\n{table}", end="", flush=True),
        progress=not given.quiet,
    )
    print(f"\nTables: {folder / 'comparison.md'}\nPictures: {folder / 'figures'}")
    tell_next(command("evaluate", best_run(runs).folder), quiet=given.quiet)
    return 0


def _fitted(
    config: Config, given: Collection[str], *, alone: bool, progress: bool = False
) -> Config:
    """The settings that the runs share, fitted to their data as cari-train does it.

    Args:
        config: What is asked for.
        given: Names of the settings that the user gave.
        alone: Whether tasks are trained alone as well: batches fit the one with fewest images.
        progress: Show how far the search for faces has come.

    Raises:
        DatasetError: The runs would have no figures to be compared by.
    """
    from cari_keras.align.before import load_faces

    dataset = load_faces(config, renew=True, training=True, progress=progress)
    if not dataset.splits.get("validation"):
        raise DatasetError(
            f"{dataset.name}: no validation images, so strategies cannot be compared"
        )
    fitted = fit(config, dataset, given).config
    if alone and "batch_size" not in given:
        each = [fitted.with_values({"tasks": (task,)}) for task in fitted.training.tasks]
        sizes = [fit(one, dataset, given).config.data.batch_size for one in each]
        fitted = fitted.with_values({"batch_size": min(sizes)})
    return fitted


if __name__ == "__main__":
    sys.exit(main())
