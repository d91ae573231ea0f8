"""Sorting faces of both modalities into people, with no names: whose faces belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import GalleryError
from cari_keras.evaluation.nearest import nearest
from cari_keras.vocabulary import BY_HDBSCAN, BY_NEIGHBOURS

#: A face's nearest faces that count as its neighbours, for galleries of any size.
NEIGHBOURS = 10

#: The largest squared distance of neighbours. Both were chosen on 1,090 pictures of 65 people of
#: CaVI by `facenet`, which has not seen them: docs/gallery.md has the figures.
WITHIN = 0.7

#: HDBSCAN compares all faces with all: more would take hours and the memory of the machine.
MOST_FOR_HDBSCAN = 30_000


class Grouping(NamedTuple):
    """Whose faces belong together.

    Attributes:
        labels: The group of each face, from 0 on, the largest first; -1 for a face that belongs to
            no other one. int [n].
        groups: How many groups there are.
    """

    labels: Array
    groups: int


def group(
    embeddings: Array, is_caricature: Array, *, way: str = BY_NEIGHBOURS, within: float = WITHIN
) -> Grouping:
    """Sorts faces into people.

    The means of the photos and of the caricatures are taken off first (`evaluation.centring`), as
    far as there are enough of them: drawings would else lie together because they are drawings.

    Args:
        embeddings: float32 [n, d] of unit norm.
        is_caricature: bool [n].
        way: One of `GROUPED_BY`: connected components of faces that are among each other's nearest,
            or HDBSCAN of scikit-learn.
        within: For `neighbours`: the largest squared distance of two that are joined.

    Raises:
        GalleryError: There are too many faces for HDBSCAN.
    """
    # Here, since it loads TensorFlow, which nothing else in a gallery without a network needs.
    from cari_keras.evaluation.centring import modality_means, take_off

    if len(embeddings) < 2:
        return Grouping(np.full(len(embeddings), -1), 0)
    means = modality_means(embeddings, is_caricature)
    moved = take_off(embeddings, is_caricature, means)
    labels = _by_hdbscan(moved) if way == BY_HDBSCAN else _by_neighbours(moved, within)
    return _largest_first(labels)


def names_of(found: Grouping, told: Sequence[Optional[str]]) -> tuple[Optional[str], ...]:
    """The name that more than half of a group's faces have, for each group.

    Args:
        found: The groups.
        told: Whom each face shows; None where it is nobody known.

    Example:
        >>> names_of(Grouping(np.array([0, 0, 0, 1, 1]), 2), ["ann", None, "ann", "bob", None])
        ('ann', None)
    """
    said = np.array(["" if name is None else name for name in told])
    names: list[Optional[str]] = []
    for number in range(found.groups):
        those = said[found.labels == number]
        name, votes = Counter(those.tolist()).most_common(1)[0]
        names.append(name if name and 2 * votes > len(those) else None)
    return tuple(names)


def _by_neighbours(embeddings: Array, within: float) -> Array:
    """Connected components over reciprocal neighbours."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(embeddings)
    everyone = [(np.arange(count), embeddings)]
    found = nearest(embeddings, everyone, min(NEIGHBOURS + 1, count))
    near = (found.distances <= within) & (found.places >= 0)
    rows, columns = np.nonzero(near)[0], found.places[near]
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count)).tocsr()
    return np.asarray(connected_components(graph.multiply(graph.T), directed=False)[1])


def _by_hdbscan(embeddings: Array) -> Array:
    from sklearn.cluster import HDBSCAN

    if len(embeddings) > MOST_FOR_HDBSCAN:
        raise GalleryError(
            f"{len(embeddings)} faces are too many for hdbscan (at most "
            f"{MOST_FOR_HDBSCAN}); use {BY_NEIGHBOURS}"
        )
    return np.asarray(HDBSCAN(min_cluster_size=2, copy=True).fit_predict(embeddings))


def _largest_first(labels: Array) -> Grouping:
    """Groups by size; of equal ones, that of the earlier face first. A face alone is in none."""
    names, first, of, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    kept = (names >= 0) & (sizes > 1)
    order = np.lexsort((first, -sizes))
    order = order[kept[order]]
    numbers = np.full(len(names), -1)
    numbers[order] = np.arange(len(order))
    return Grouping(numbers[of], len(order))
