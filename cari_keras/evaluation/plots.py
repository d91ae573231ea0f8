"""Pictures of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cari_keras.evaluation.drawing import Figure, MaxNLocator, own_style
from cari_keras.evaluation.labels import LABELS
from cari_keras.evaluation.probability import ReliabilityBin

#: The colours of the paper's Figure 6.
TASK_COLORS = {"verification": "tab:blue", "caricature": "0.45", "photo": "tab:orange"}

#: Runs in a row of a figure of weights and losses.
_SIDE_BY_SIDE = 4


@own_style()
def plot_weights_and_losses(runs: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """Task weights above task losses against the iteration: the paper's Figures 5 and 6.

    Args:
        runs: Name -> the columns of its steps.csv; four side by side, with common axes. Tasks
            whose weight is always 0 are left out. The thin line is each iteration, the thick one
            its moving mean.
        title: Above the figure.
    """
    across = min(len(runs), _SIDE_BY_SIDE)
    rows = math.ceil(len(runs) / across)
    figure = Figure(figsize=(1.5 + 5.5 * across, 7 * rows), layout="constrained")
    grid = figure.subplots(2 * rows, across, sharex="col", sharey="row", squeeze=False)
    pairs = [pair for row in range(rows) for pair in grid[2 * row : 2 * row + 2].T]
    for unused in np.ravel(pairs[len(runs) :]):
        unused.remove()
    for (upper, lower), (name, steps) in zip(pairs, runs.items()):
        window = max(1, len(steps) // 50)
        for task, color in TASK_COLORS.items():
            if not np.any(steps[f"weight_{task}"]):
                continue
            for axes, column in ((upper, f"weight_{task}"), (lower, f"loss_{task}")):
                values = steps[column]
                smooth = values.rolling(window, min_periods=1, center=True).mean()
                axes.plot(steps["iteration"], values, color=color, alpha=0.25, linewidth=0.8)
                axes.plot(steps["iteration"], smooth, color=color, linewidth=2, label=task)
        upper.set_title(name)
        lower.set_xlabel("iteration")
        lower.tick_params(labelbottom=True)  # of the last row alone otherwise
        lower.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        for axes in (upper, lower):
            axes.grid(alpha=0.3)
    for upper, lower in pairs[::across]:
        upper.set_ylabel("task weight")
        lower.set_ylabel("task loss (nats)")
        lower.set_ylim(bottom=0)
    grid[0, 0].legend(title="task")
    if title:
        figure.suptitle(title)
    return figure


@own_style()
def plot_validation(metrics: pd.DataFrame, title: str = "") -> Figure:
    """Validation figures in percent against the epoch; takes the columns of metrics.csv."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for column in metrics.columns.drop(["epoch", "iteration"]):
        label = LABELS.get(column, column)
        axes.plot(metrics["epoch"], 100 * metrics[column], marker="o", markersize=3, label=label)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("validation (%)")
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    if title:
        figure.suptitle(title)
    return figure


@own_style()
def plot_reliability(curves: Mapping[str, Sequence[ReliabilityBin]], title: str = "") -> Figure:
    """Reliability diagram: how often pairs of a probability are of one person.

    Args:
        curves: Name -> the rows of `probability.reliability`; a line each. The area of a point is
            its share of the weight. On the dashed diagonal a probability means what it says.
        title: Above the figure.
    """
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="calibrated")
    for name, rows in curves.items():
        told, observed = [row.probability for row in rows], [row.observed for row in rows]
        (line,) = axes.plot(told, observed, label=name)
        areas = [4 + 200 * row.weight for row in rows]
        axes.scatter(told, observed, s=areas, color=line.get_color())
    axes.set_xlabel("probability of one person")
    axes.set_ylabel("share of genuine pairs")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend()
    if title:
        figure.suptitle(title)
    return figure


def hardest_task_share(steps: pd.DataFrame) -> float:
    """The share of iterations at which the task with the largest loss has the largest weight.

    Both are moving means over a fiftieth of the run, since single batches are noisy.
    """
    window = max(1, len(steps) // 50)
    losses = steps.filter(like="loss_").rolling(window, min_periods=1).mean().to_numpy()
    weights = steps.filter(like="weight_").rolling(window, min_periods=1).mean().to_numpy()
    return float(np.mean(np.argmax(losses, axis=1) == np.argmax(weights, axis=1)))
