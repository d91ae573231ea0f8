"""A comparison as tables: metrics, differences, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cari_keras.comparison.plan import REFERENCE
from cari_keras.comparison.ranks import OVERALL, Ranks
from cari_keras.comparison.results import HARDEST, Difference, Results, paired_difference
from cari_keras.evaluation.labels import LABELS
from cari_keras.evaluation.published import TABLES
from cari_keras.evaluation.text_table import TextTable
from cari_keras.wording import counted

if TYPE_CHECKING:  # which loads TensorFlow
    from cari_keras.comparison.cost import Cost

#: Strategy -> the paper's rows of it.
_PUBLISHED = {
    "single": ("Single-verif", "Single-visual", "Single-cari"),
    "naive": ("Naive dynamic",),
    "dynamic": ("Dynamic MTL",),
}


def mean_and_spread(values: Sequence[float]) -> str:
    """Mean in percent, with the sample's standard deviation where there are several values."""
    shown = 100 * np.asarray(values, float)
    spread = f" ± {shown.std(ddof=1):.2f}" if len(shown) > 1 else ""
    return f"{shown.mean():.2f}{spread}"


def difference_cell(found: Difference) -> str:
    """A difference in points, with half of its interval where there is one, and its mark.

    Example:
        >>> difference_cell(Difference(0.02, 0.01, 3))
        '+2.00 ± 1.00*'
    """
    width = "" if found.half_width is None else f" ± {100 * found.half_width:.2f}"
    return f"{100 * found.mean:+.2f}{width}{'*' if found.is_significant else ''}"


def metrics_table(results: Results, dataset: str) -> TextTable:
    """Mean ± standard deviation over seeds; beside it the paper's rows, where it has any."""
    columns = [name for name in (*LABELS, HARDEST) if any(name in row for row in results.values())]
    titles = ["Weighting", *(LABELS.get(name, "Hardest has most") for name in columns)]
    published = TABLES.get(dataset)
    rows = []
    for strategy, row in results.items():
        cells = [mean_and_spread(list(row[c].values())) if c in row else "-" for c in columns]
        rows.append([strategy, *cells])
        if not published:
            continue
        for name in _PUBLISHED.get(strategy, ()):
            theirs = {c.metric: v for c, v in zip(published.columns, published.rows[name])}
            rows.append([f"  paper: {name}", *(theirs.get(c, "-") for c in columns)])
    note = f"; the paper's rows: {published.source}" if published else ""
    return TextTable(f"Validation after the last epoch, percent{note}", titles, rows)


def differences_table(results: Results) -> TextTable:
    """Every strategy less `equal`, in points, with the 95 % interval of its mean."""
    reference = results[REFERENCE]
    columns = [name for name in LABELS if name in reference]
    rows = []
    for strategy, row in results.items():
        if strategy == REFERENCE:
            continue
        cells = []
        for column in columns:
            if column not in row:
                cells.append("-")
                continue
            cells.append(difference_cell(paired_difference(row[column], reference[column])))
        rows.append([strategy, *cells])
    return TextTable(
        f"Difference to {REFERENCE}, seed by seed, points: mean ± half of its 95 % "
        "interval (*: the interval excludes 0)",
        ["Weighting", *(LABELS[name] for name in columns)],
        rows,
    )


def ranks_table(ranks: Ranks) -> TextTable:
    """Mean ranks over seeds, with what the tests of them say."""
    tested = ""
    if ranks.test:
        least = ranks.test.probability < 0.001
        told = "p < 0.001" if least else f"p = {ranks.test.probability:.3f}"
        tested = (
            f"; Friedman's test of the overall ranks: {told}; critical "
            f"difference at 5 %: {ranks.test.critical_difference:.2f}"
        )
    return TextTable(
        f"Mean rank over {counted(ranks.seeds, 'seeds')}, 1 is the best{tested}",
        ["Weighting", *("Overall" if name == OVERALL else LABELS[name] for name in ranks.mean)],
        [
            [strategy, *(f"{of[strategy]:.1f}" for of in ranks.mean.values())]
            for strategy in ranks.mean[OVERALL]
        ],
    )


def costs_table(costs: Mapping[str, Cost]) -> TextTable:
    """What a step of each strategy takes, relative to `equal`."""
    rows = [
        [name, f"{1000 * cost.seconds:.1f}", f"{100 * (cost.ratio - 1):+.1f} %"]
        for name, cost in costs.items()
    ]
    return TextTable(
        "Cost of a step, measured in turns", ["Weighting", "ms", f"to {REFERENCE}"], rows
    )


def as_markdown(table: TextTable) -> str:
    """The table for a README."""
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    body = "\n".join("| " + " | ".join(cell.strip() for cell in line) + " |" for line in lines)
    return f"{table.title}:\n\n{body}\n"
