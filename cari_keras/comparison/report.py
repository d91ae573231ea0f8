"""Everything a finished comparison shows: tables, their files, and the curves side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cari_keras.comparison import tables
from cari_keras.comparison.cost import kept_costs
from cari_keras.comparison.diagram import plot_critical_difference
from cari_keras.comparison.plan import REFERENCE, PlannedRun
from cari_keras.comparison.ranks import rank_strategies
from cari_keras.comparison.results import FIXED, read_results
from cari_keras.config import Config
from cari_keras.evaluation import plots
from cari_keras.evaluation.drawing import save
from cari_keras.evaluation.text_table import TextTable
from cari_keras.files import write_json, write_text
from cari_keras.history import read_steps
from cari_keras.saved import read_identities


def report(
    config: Config,
    runs: Sequence[PlannedRun],
    folder: Path,
    tell: Callable[[TextTable], None],
    *,
    progress: bool = False,
) -> None:
    """Tells the tables, then writes comparison.json, comparison.md and figures/ into a folder.

    Args:
        config: The settings that the runs share.
        runs: Finished runs.
        folder: Where it all goes. Costs that it holds already are not measured again.
        tell: Called with each table before anything is written, so that none is lost where nothing
            can be.
        progress: Show how far the costs are measured.

    Raises:
        CheckpointError: A run has no metrics.
    """
    results = read_results(runs)
    shown = [tables.metrics_table(results, config.data.dataset)]
    if REFERENCE in results and len(results) > 1:
        shown.append(tables.differences_table(results))
    ranks = rank_strategies(results)
    if ranks is not None:
        shown.append(tables.ranks_table(ranks))
    for table in shown:
        tell(table)
    count = len(read_identities(runs[0].folder))
    costs = kept_costs(folder / "costs.json", config, list(results), count, progress=progress)
    shown.append(tables.costs_table(costs))
    tell(shown[-1])
    curves = {
        run.strategy: read_steps(run.folder)
        for run in runs
        if run.seed == runs[0].seed and run.strategy not in FIXED
    }
    if curves:
        # The curves of one seed, as in the paper: means over seeds would hide what one run does.
        title = f"{config.data.dataset}, seed {runs[0].seed}"
        picture = plots.plot_weights_and_losses(curves, title)
        save(picture, folder / "figures" / "weights_and_losses.png")
    if ranks is not None and ranks.test is not None:
        title = f"{config.data.dataset}: mean ranks of the validation metrics' mean"
        save(plot_critical_difference(ranks, title), folder / "figures" / "ranks.png")
    told = None
    if ranks is not None:
        told = {**ranks._asdict(), "test": ranks.test and ranks.test._asdict()}
    write_json(folder / "comparison.json", {"metrics": results, "costs": costs, "ranks": told})
    write_text(folder / "comparison.md", "\n".join(map(tables.as_markdown, shown)))
