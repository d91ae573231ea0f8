"""The report's explanations: what speaks for and against the pairs that were judged worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import Dataset
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.report.pictures import SIDE, WrongPair
from cari_keras.evaluation.why import by_gradient, halves_of
from cari_keras.explaining.picture import overlaid
from cari_keras.images.encode import resize, to_jpeg
from cari_keras.progress import Progress

#: Pairs of each kind that are explained, at most: each takes a good part of a second.
EXPLAINED = 3


class ExplainedPair(NamedTuple):
    """A pair that was judged wrongly, with what speaks for and against it.

    Attributes:
        pair: The pair.
        kind: `accepted` or `rejected`.
        faces: Both faces side by side, as JPEG.
        maps: The same with their maps over them.
        cosine: What is explained, in [-1, 1].
    """

    pair: WrongPair
    kind: str
    faces: bytes
    maps: bytes
    cosine: float


def explained_pairs(
    matcher: Matcher,
    dataset: Dataset,
    wrong: Sequence[tuple[str, Sequence[WrongPair]]],
    *,
    progress: bool = False,
) -> list[ExplainedPair]:
    """Integrated gradients of the worst pairs of each kind, whole faces in one view.

    Args:
        matcher: The network; an export is a graph, through which no gradient is taken.
        dataset: Where the images are.
        wrong: Kinds, `accepted` or `rejected`, and their pairs, the worst first.
        progress: Whether to say on standard error how far it is.
    """
    chosen = [(kind, pair) for kind, pairs in wrong for pair in pairs[:EXPLAINED]]
    if matcher.model is None or not chosen:
        return []
    halves, samples = halves_of(matcher.model), dataset.by_path
    found = []
    what = "Explaining the worst pairs"
    with Progress(len(chosen), what, unit="pair", shown=progress) as bar:
        for kind, pair in chosen:
            one, another = (
                resize(dataset.load(samples[path]), matcher.side) for path in pair.paths
            )
            why = by_gradient(one, another, halves, seed=0)
            maps = overlaid(one, why.photo), overlaid(another, why.other)
            found.append(ExplainedPair(pair, kind, _row(one, another), _row(*maps), why.similarity))
            bar.update()
    return found


def _row(left: Array, right: Array) -> bytes:
    return to_jpeg(np.hstack([resize(left, 2 * SIDE), resize(right, 2 * SIDE)]))
