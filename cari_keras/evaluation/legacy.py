"""The arithmetic of the authors' published evaluation, errors included, for comparison only.

Three things are wrong with it, and right in the rest of this package:

- VAL is computed on the folds that its threshold comes from, not on the fold held out;
- Rank-10 reads one in ten of all probes' candidates in place of a probe's own ten, so that it nears
  100 % whatever the network;
- folds are cut over shuffled pairs, so that people are in several (and with no seed; here 0).

Thresholds are taken from grids, and at a FAR by interpolation between grid points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import ProbeSearch
from cari_keras.evaluation.allpairs import distance_blocks
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.scoring import FARS
from cari_keras.evaluation.trials import Trials

Grid = Union[Sequence[float], Array]

ACCURACY_GRID = np.arange(0, 4, 0.01)
VAL_GRID = np.arange(0, 4, 0.001)


def legacy_verification(trials: Trials, *, folds: int = 10, seed: int = 0) -> dict[str, float]:
    """Accuracy and VAL as published.

    Args:
        trials: At least as many pairs as folds; else nothing is returned.
        folds: Over shuffled pairs.
        seed: Of the shuffle.

    Returns:
        `legacy_accuracy`, `legacy_val_at_far_<far>`.
    """
    count = len(trials.distances)
    if count < folds:
        return {}
    order = np.random.default_rng(seed).permutation(count)
    distances, same = trials.distances[order], trials.same[order]
    fold = np.arange(count) * folds // count
    accuracies = []
    values: dict[float, list[float]] = {far: [] for far in FARS}
    for k in range(folds):
        train, test = fold != k, fold == k
        right = _right(distances[train], same[train], ACCURACY_GRID)
        threshold = ACCURACY_GRID[int(np.argmax(right))]
        accuracies.append(_right(distances[test], same[test], [threshold])[0] / test.sum())
        for far in FARS:
            threshold = _threshold(distances[train], same[train], far)
            genuine = distances[train & same]  # should be the pairs of the fold held out
            values[far].append(float(np.mean(genuine < threshold)) if len(genuine) else np.nan)
    found = {"legacy_accuracy": float(np.mean(accuracies))}
    return found | {f"legacy_val_at_far_{far}": float(np.mean(v)) for far, v in values.items()}


def legacy_galleries(
    predictions: Predictions, galleries: Mapping[str, ProbeSearch], *, n: int = 10
) -> dict[str, float]:
    """`legacy_<gallery>_rank_10` as published; galleries of at most `n` images are left out."""
    found = {}
    row = {path: i for i, path in enumerate(predictions.paths)}
    embedding, labels = predictions.compared, predictions.labels
    for name, (gallery, probes) in galleries.items():
        shelf = np.array([row[path] for path in gallery if path in row], int)
        asked = np.array([row[path] for path in probes if path in row], int)
        if len(shelf) > n and len(asked):
            blocks = distance_blocks(embedding[asked], embedding[shelf])
            distances = np.concatenate(list(blocks))
            found[f"legacy_{name.lower()}_rank_{n}"] = legacy_rank(
                distances, labels[asked], labels[shelf], n
            )
    return found


def legacy_rank(distances: Array, probes: Array, gallery: Array, n: int) -> float:
    """Rank-n as published: probe i is right if any of the candidates i, i + n, i + 2n, ... is.

    The candidates are those of all probes in a row, n to each, so it looks at hundreds of other
    probes' candidates, and not at its own.

    Args:
        distances: float [p, g].
        probes: int [p], labels.
        gallery: int [g], labels.
        n: Less than g.
    """
    nearest = np.argpartition(distances, n, axis=1)[:, :n]
    right = (gallery[nearest] == probes[:, np.newaxis]).reshape(-1)
    return float(np.mean([right[i::n].any() for i in range(len(probes))]))


def mean_of(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over the folds that have it."""
    names = dict.fromkeys(name for fold in folds for name in fold)
    return {name: float(np.mean([f[name] for f in folds if name in f])) for name in names}


def _right(distances: Array, same: Array, thresholds: Grid) -> Array:
    """How many pairs each threshold judges rightly; below it is accepted."""
    genuine, impostor = np.sort(distances[same]), np.sort(distances[~same])
    accepted = np.searchsorted(genuine, thresholds, side="left")
    return accepted + len(impostor) - np.searchsorted(impostor, thresholds, side="left")


def _threshold(distances: Array, same: Array, far: float) -> float:
    """Where the FAR over the grid reaches `far`, between grid points; 0 where it does not."""
    impostor = np.sort(distances[~same])
    if not len(impostor):
        return 0.0
    fars = np.searchsorted(impostor, VAL_GRID, side="left") / len(impostor)
    return float(np.interp(far, fars, VAL_GRID)) if fars.max() >= far else 0.0
