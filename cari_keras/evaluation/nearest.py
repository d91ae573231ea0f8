"""The nearest of many embeddings to many others, exactly, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.allpairs import distance_blocks

#: Queries that are compared with a block at a time.
QUERIES = 512


class Nearest(NamedTuple):
    """The nearest embeddings to each query, nearest first; of equal ones, the lower place first.

    Attributes:
        distances: Squared L2, float32 [q, k]; infinite where there were fewer than k.
        places: Which they are, int64 [q, k]; -1 where there were fewer than k.
    """

    distances: Array
    places: Array


def nearest(queries: Array, blocks: Iterable[tuple[Array, Array]], count: int) -> Nearest:
    """The `count` nearest embeddings to every query, of all that some blocks hold.

    Args:
        queries: float32 [q, d], rows of unit norm.
        blocks: Places int64 [n] and embeddings float32 [n, d] of unit norm; no place twice.
        count: k, from 1.

    Raises:
        ValueError: Rows are not of unit norm.

    Example:
        >>> found = nearest(np.eye(2, dtype=np.float32), [(np.arange(2), np.eye(2))], 1)
        >>> found.places.tolist(), found.distances.tolist()
        ([[0], [1]], [[0.0], [0.0]])
    """
    distances = np.full((len(queries), count), np.inf, np.float32)
    places = np.full((len(queries), count), -1, np.int64)
    for block_places, embeddings in blocks:
        if not len(embeddings):
            continue
        start = 0
        for part in distance_blocks(queries, embeddings, QUERIES):
            rows = slice(start, start + len(part))
            best = _merged(distances[rows], places[rows], part, np.asarray(block_places, np.int64))
            distances[rows], places[rows] = best
            start += len(part)
    return Nearest(distances, places)


def _merged(distances: Array, places: Array, part: Array, part_places: Array) -> Nearest:
    """The nearest so far and those of a block, float32 [q, n], together."""
    queries, count = distances.shape
    # All that are as near as the last one so far; before there are enough, the block's nearest.
    last = distances[:, -1]
    if np.isinf(last).any():
        place = min(count, part.shape[1]) - 1
        last = np.partition(part, place, axis=1)[:, place]
    rows, columns = np.nonzero(part <= last[:, None])
    of = np.concatenate([np.repeat(np.arange(queries), count), rows])
    near = np.concatenate([distances.ravel(), part[rows, columns]])
    which = np.concatenate([places.ravel(), part_places[columns]])
    # A place that is not there (-1) is as far as can be, so that it comes last all the same.
    order = np.lexsort((which, near, of))
    starts = np.searchsorted(of[order], np.arange(queries))
    chosen = order[starts[:, None] + np.arange(count)]
    return Nearest(near[chosen], which[chosen])
