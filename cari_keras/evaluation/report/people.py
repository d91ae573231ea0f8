"""The report's plots of people: who is taken for whom, and where their embeddings lie."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.drawing import Figure, own_style, written
from cari_keras.evaluation.evaluator import identification
from cari_keras.evaluation.labels import LABELS
from cari_keras.evaluation.outcome import Outcome
from cari_keras.evaluation.predictions import Predictions


@own_style()
def plot_confusions(matrix: Array, names: Sequence[str], title: str) -> Figure:
    """Counts of images by who they show (rows) and who the head names (columns)."""
    shown = written(names)
    side = 1.8 + 0.36 * len(names)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(matrix, cmap="Blues")
    for (i, j), count in np.ndenumerate(matrix):
        if count:
            dark = count > matrix.max() / 2
            axes.text(
                j,
                i,
                str(count),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "0.15",
            )
    axes.set_xticks(range(len(names)), shown, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), shown, fontsize=8)
    axes.set_xlabel("named")
    axes.set_ylabel("is")
    # Over the whole figure, not over the axes: these are narrow where few people are confused.
    figure.suptitle(textwrap.fill(title, int(11 * (side + 1))), fontsize=10)
    return figure


@own_style()
def plot_map(predictions: Predictions, people: Sequence[str], most: int = 8) -> Figure:
    """The embeddings of the people with the most images of both kinds, as Figure 2 shows them.

    Two principal components of these people's embeddings: circles are photos, crosses caricatures.
    """
    shown = written(people)
    figure = Figure(figsize=(7.6, 4.8), layout="constrained")
    axes = figure.subplots()
    labels, drawn = predictions.labels, predictions.is_caricature
    fewest = {
        label: min(int(np.sum(drawn[labels == label])), int(np.sum(~drawn[labels == label])))
        for label in np.unique(labels).tolist()
    }
    chosen = sorted(fewest, key=lambda label: (-fewest[label], label))[:most]
    inside = np.isin(labels, chosen)
    points = principal_components(predictions.outputs["embedding"][inside])
    for label, color in zip(chosen, (f"C{k}" for k in range(most))):
        for kind, marker in ((False, "o"), (True, "x")):
            of = (labels[inside] == label) & (drawn[inside] == kind)
            axes.scatter(
                points[of, 0],
                points[of, 1],
                s=18,
                color=color,
                marker=marker,
                linewidths=0.9,
                alpha=0.75,
                label=shown[label] if not kind else None,
            )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        fontsize=8,
        title="o photo   x caricature",
        title_fontsize=8,
    )
    return figure


def principal_components(rows: Array, count: int = 2) -> Array:
    """The first principal components' coordinates of rows, [n, d] -> [n, count].

    Signs are such that each component's largest loading is positive, so that they do not depend on
    the library.
    """
    centered = rows.astype(np.float64) - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    axes = axes[:count]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return centered @ (axes * signs[:, np.newaxis]).T


class Named(NamedTuple):
    """Who was named, and who was shown.

    Attributes:
        title: Where.
        shown: int [n], labels.
        named: int [n], labels.
        people: Names by label.
    """

    title: str
    shown: Array
    named: Array
    people: Sequence[str]


def namings(outcome: Outcome) -> list[Named]:
    """All that an outcome says of who is taken for whom; of several folds, the first one's.

    By the heads; by the nearest image of each gallery; and by impostor pairs that were accepted,
    the first image's person as the one who is shown.
    """
    found = [
        Named(LABELS[metric], labels, np.argmax(logits, axis=-1), outcome.matcher.identities)
        for metric, (logits, labels) in identification(outcome.predictions).items()
    ]
    fold, where = outcome.folds[0], ""
    if len(outcome.folds) > 1:
        where = f", fold {fold.name}"
    for gallery, (shown, named) in fold.named.items():
        found.append(Named(f"Nearest in {gallery}{where}", shown, named, outcome.people))
    trials = fold.trials
    if trials is not None and fold.thresholds is not None:
        of = dict(zip(outcome.predictions.paths, outcome.predictions.labels.tolist()))
        accepted = np.flatnonzero(~trials.same & (trials.distances <= fold.thresholds))
        pairs = [trials.names(row) for row in accepted.tolist()]
        shown, named = (np.array([of[pair[side]] for pair in pairs], int) for side in (0, 1))
        found.append(Named(f"Impostor pairs accepted{where}", shown, named, outcome.people))
    return found


def confusions(named: Array, labels: Array, most: int = 12) -> tuple[Array, list[int]]:
    """The confusion matrix of the most confused identities.

    Args:
        named: int [n], who was named.
        labels: int [n], who was shown.
        most: The most identities, those with most images misnamed as each other's first.

    Returns:
        int [k, k] of images by who they show and who is named, and the k labels.
    """
    wrong = labels != named
    pairs = Counter(
        (min(pair), max(pair)) for pair in zip(labels[wrong].tolist(), named[wrong].tolist())
    )
    people: list[int] = []
    for key in sorted(pairs, key=lambda k: (-pairs[k], k)):
        people += [label for label in key if label not in people]
        if len(people) >= most:
            break
    people = people[:most]
    matrix = np.array(
        [[int(np.sum((labels == a) & (named == b))) for b in people] for a in people], int
    )
    return matrix, people
