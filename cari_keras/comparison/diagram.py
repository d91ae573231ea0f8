"""The critical-difference diagram of Demšar (JMLR 2006, Figure 1)."""

from __future__ import annotations

import math

from cari_keras.comparison.ranks import OVERALL, Ranks, alike
from cari_keras.evaluation.drawing import Figure, own_style

#: Height of a row of names, and of a bar, in the axis's units.
_ROW, _BAR = 1.0, 0.45


@own_style()
def plot_critical_difference(ranks: Ranks, title: str = "") -> Figure:
    """Strategies along an axis of mean ranks, the best on the left.

    A bar joins strategies of which no two differ at the level of 5 %.

    Args:
        ranks: With a test.
        title: Above the figure.

    Raises:
        ValueError: The ranks have none.
    """
    if ranks.test is None:
        raise ValueError("a critical difference needs two seeds and three strategies")
    difference = ranks.test.critical_difference
    mean = ranks.mean[OVERALL]
    groups = alike(mean, difference)
    rows = math.ceil(len(mean) / 2)
    depth = 0.6 + _BAR * len(groups)
    figure = Figure(figsize=(9, 1.6 + 0.3 * (rows + depth)), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.12 * len(mean), 1.12 * len(mean) + 1)
    axes.set_ylim(depth + rows * _ROW + 0.3, -2.6)
    axes.plot([1, len(mean)], [0, 0], color="black")
    for rank in range(1, len(mean) + 1):
        axes.plot([rank, rank], [0, -0.2], color="black")
        axes.text(rank, -0.3, str(rank), ha="center", va="bottom")
    span = min(difference, len(mean) - 1)
    axes.plot([1, 1 + span], [-1.7, -1.7], color="black", marker="|")
    beyond = "" if span == difference else ", wider than the axis"
    axes.text(
        1, -1.9, f"critical difference {difference:.2f} ({ranks.seeds} seeds{beyond})", va="bottom"
    )
    for bar, group in enumerate(groups):
        low, high = mean[group[0]], mean[group[-1]]
        height = 0.5 + _BAR * bar
        axes.plot([low - 0.05, high + 0.05], [height, height], color="tab:red", linewidth=3)
    names = list(mean)
    for place, name in enumerate(names):
        left = place < rows
        # The outermost names stand highest, so that no line crosses another.
        row = place if left else len(names) - 1 - place
        height = depth + (row + 0.5) * _ROW
        end = 0.7 if left else len(names) + 0.3
        axes.plot([mean[name], mean[name], end], [0, height, height], color="0.4", linewidth=0.8)
        text = f"{name} {mean[name]:.1f}" if left else f"{mean[name]:.1f} {name}"
        shift = -0.1 if left else 0.1
        axes.text(end + shift, height, text, ha="right" if left else "left", va="center")
    if title:
        figure.suptitle(title)
    return figure
