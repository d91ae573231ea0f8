"""The report's plots: each from an outcome's folds to a figure, drawn off screen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.curves import Roc, det, roc
from cari_keras.evaluation.drawing import Axes, Figure, MaxNLocator, own_style
from cari_keras.evaluation.growth import GrowthPoint, over_folds
from cari_keras.evaluation.open_set import FPIR
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.wording import counted

GENUINE, IMPOSTOR, FAINT = "#0072B2", "#D55E00", "#6B7683"
_SIZE = (5.4, 4.2)

#: Rates in percent at which a DET plot's axes are marked.
DET_TICKS = (0.1, 0.5, 2, 5, 10, 20, 40, 60, 80)


@own_style()
def plot_roc(folds: Sequence[FoldScores]) -> Figure:
    """TAR against FAR on a logarithmic axis: each fold, and their mean where there are several."""
    figure, axes = _empty("FAR (share of impostor pairs accepted)", "TAR")
    curves = [_steps(fold)[1:] for fold in folds]
    least = min(0.5, *(far[far > 0].min() for far, _ in curves))
    for far, tar in curves:
        _line(axes, np.maximum(far, least / 2), tar, len(curves) == 1)
    if len(curves) > 1:
        grid = np.logspace(np.log10(least), 0, 300)
        # The TAR that a fold has at the largest of its FARs that is not above the grid's.
        values = [tar[np.searchsorted(far, grid, side="right") - 1] for far, tar in curves]
        axes.plot(grid, np.mean(values, axis=0), color=GENUINE, linewidth=2, label="mean of folds")
        axes.legend(loc="lower right", frameon=False)
    for point in folds[0].points if len(folds) == 1 else ():
        if point.own and point.point.far > 0:
            axes.plot(point.point.far, point.point.tar, "o", color=IMPOSTOR, markersize=5)
            text = f"  {100 * point.point.tar:.1f}% at {100 * point.far:g}%"
            axes.annotate(text, (point.point.far, point.point.tar), va="top", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(least, 1)
    axes.set_ylim(0, 1.005)
    return figure


@own_style()
def plot_det(folds: Sequence[FoldScores]) -> Figure:
    """FRR against FAR on normal-deviate axes, on which normal scores give straight lines."""
    figure, axes = _empty("FAR (%)", "FRR = 1 - TAR (%)")
    from scipy.special import ndtri

    low, high = ndtri(DET_TICKS[0] / 200), ndtri(0.9)
    for fold in folds:
        x, y = det(_steps(fold))
        inside = np.isfinite(x) & np.isfinite(y)
        _line(axes, x[inside], y[inside], len(folds) == 1)
    axes.plot([low, high], [low, high], color=FAINT, linewidth=0.8, linestyle=":")
    ticks = [ndtri(rate / 100) for rate in DET_TICKS]
    labels = [f"{rate:g}" for rate in DET_TICKS]
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    return figure


@own_style()
def plot_cmc(folds: Sequence[FoldScores], most: int = 50) -> Figure:
    """Rank-k against k for each gallery: the mean over folds, and the folds' range."""
    figure, axes = _empty("k", "Rank-k (share of probes)")
    names = dict.fromkeys(name for fold in folds for name in fold.cmcs)
    for name, color in zip(names, (GENUINE, IMPOSTOR)):
        curves = [fold.cmcs[name] for fold in folds if name in fold.cmcs]
        length = min(most, *(len(curve) for curve in curves)) if curves else 0
        stack = np.stack([curve[:length] for curve in curves])
        ks = np.arange(1, length + 1)
        axes.plot(ks, stack.mean(axis=0), color=color, linewidth=2, marker=".", label=name)
        if len(curves) > 1:
            axes.fill_between(ks, stack.min(axis=0), stack.max(axis=0), color=color, alpha=0.15)
    axes.set_ylim(0, 1.005)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.legend(loc="lower right", frameon=False)
    return figure


@own_style()
def plot_scores(folds: Sequence[FoldScores]) -> Figure:
    """Histograms of squared distances of genuine and of impostor pairs, and the threshold."""
    figure, axes = _empty("squared distance", "share of pairs in a bin (%)")
    trials = [fold.trials for fold in folds if fold.trials is not None]
    top = max(float(part.distances.max()) for part in trials)
    bins = np.linspace(0, max(top, 1e-6), 61)
    for same, name, color in ((True, "genuine", GENUINE), (False, "impostor", IMPOSTOR)):
        counts = sum(np.histogram(p.distances[p.same == same], bins)[0] for p in trials)
        total = max(1, int(np.sum(counts)))
        axes.stairs(
            100 * np.asarray(counts) / total,
            bins,
            fill=True,
            alpha=0.45,
            color=color,
            label=f"{name} ({counted(total, 'pairs')})",
        )
    thresholds = [fold.thresholds for fold in folds if fold.thresholds is not None]
    values = np.unique(np.concatenate(thresholds)) if thresholds else np.zeros(0)
    for value in values[np.isfinite(values)]:
        axes.axvline(value, color="0.25", linewidth=0.8, linestyle="--")
    axes.set_xlim(0, bins[-1])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return figure


@own_style()
def plot_growth(folds: Sequence[FoldScores], modality: str) -> Figure:
    """FPIR and FNIR against the people in a gallery: the mean over folds, and the folds' range.

    Dashed is the FPIR by the threshold of the smallest gallery, dotted the FPIR asked for.
    """
    figure, axes = _empty("people in the gallery", f"share of {modality}s (%)")
    growing = [fold.growth[modality] for fold in folds if modality in fold.growth]
    mean = over_folds([{modality: points} for points in growing])[modality]
    sizes = [point.people for point in mean]
    for rate, name, color, dash in (
        ("fnir", "FNIR", GENUINE, "-"),
        ("fpir", "FPIR", IMPOSTOR, "-"),
        ("fpir_fixed", "FPIR, threshold of the smallest", IMPOSTOR, "--"),
    ):
        axes.plot(sizes, _percent(mean, rate), dash, color=color, marker=".", label=name)
        if len(growing) > 1 and dash == "-":
            each = [_percent([p for p in ps if p.people in sizes], rate) for ps in growing]
            low, high = np.min(each, axis=0), np.max(each, axis=0)
            axes.fill_between(sizes, low, high, color=color, alpha=0.15)
    axes.axhline(100 * FPIR, color="0.25", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(0, None)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8)
    return figure


def _percent(points: Sequence[GrowthPoint], rate: str) -> Array:
    """A rate of points in percent, float64 [n]; NaN where it was not measured."""
    return 100 * np.array([getattr(point, rate) for point in points], float)


def _steps(fold: FoldScores) -> Roc:
    """A fold's ROC curve, thinned to what a plot can show."""
    assert fold.trials is not None
    thresholds, far, tar = roc(fold.trials.distances, fold.trials.same)
    keep = np.unique(
        np.concatenate(
            [
                np.searchsorted(far, np.logspace(-7, 0, 400)),
                np.searchsorted(tar, np.linspace(0, 1, 200)),
                [0, len(far) - 1],
            ]
        ).clip(max=len(far) - 1)
    )
    return Roc(thresholds[keep], far[keep], tar[keep])


def _empty(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _line(axes: Axes, x: Array, y: Array, alone: bool) -> None:
    axes.plot(x, y, color=GENUINE if alone else FAINT, linewidth=2 if alone else 0.8)
