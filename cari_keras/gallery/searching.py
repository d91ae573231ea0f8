"""The faces of a gallery that are nearest to some embeddings: exactly, or about, as size asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.evaluation.nearest import Nearest, nearest
from cari_keras.gallery.only import EVERY, Only
from cari_keras.gallery.rows import SMALL, FaceRow
from cari_keras.gallery.table import Table

#: Galleries of at most so many faces are searched exactly, and have no index.
EXACT_FACES = 200_000

#: So many queries at once are compared with every face: one pass over all is the quicker way then.
EXACT_QUERIES = 1_000

#: Partitions of the index, and those that a query looks into. The number does not depend on the
#: gallery's size, so that an index that has taken in ten times as many faces searches as well as a
#: new one.
PARTITIONS, PROBES = 100, 90

#: Bits of the code of a number, and how many times the faces asked for are compared by their whole
#: embeddings. scripts/bench_gallery.py has the recall.
BITS, REFINE = 4, 4


class Hit(NamedTuple):
    """A face that was found.

    Attributes:
        row: The face, without its embedding and its thumbnail.
        distance: Squared L2 to the query, 0 to 4.
    """

    row: FaceRow
    distance: float


class Searcher:
    """Searches a table; a small gallery's embeddings stay in memory from the first search on.

    Args:
        table: The gallery's.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._kept: Optional[tuple[tuple[int, str], list[tuple[Array, Array]]]] = None

    def hits(
        self,
        queries: Array,
        count: int,
        only: Only = EVERY,
        *,
        exact: Optional[bool] = None,
        columns: tuple[str, ...] = SMALL,
    ) -> list[list[Hit]]:
        """The nearest faces to each query, nearest first.

        Args:
            queries: float32 [q, d] of unit norm.
            count: How many of each.
            only: Which faces are meant.
            exact: Whether every face is compared; None: as the sizes ask.
            columns: What is wanted of the rows.
        """
        found = self.nearest(queries, count, only, exact=exact)
        rows = self.table.numbered(found.places[found.places >= 0].tolist(), columns)
        return [
            [Hit(rows[place], float(near)) for near, place in zip(*both) if place >= 0]
            for both in zip(found.distances.tolist(), found.places.tolist())
        ]

    def nearest(
        self, queries: Array, count: int, only: Only = EVERY, *, exact: Optional[bool] = None
    ) -> Nearest:
        """As `hits`, the faces by their number in this version of the table."""
        condition = only.sql()
        if exact is None:
            exact = len(queries) >= EXACT_QUERIES or not self.table.has_index
        if exact:
            return nearest(queries, self._blocks(condition), count)
        # Rows without a face are in no index; to leave them out by a condition costs every query.
        indexed = None if only == EVERY else condition
        distances = np.full((len(queries), count), np.inf, np.float32)
        places = np.full((len(queries), count), -1, np.int64)
        for row, query in enumerate(queries):
            near, which = self.table.approximate(
                query, count, indexed, probes=PROBES, refine=REFINE
            )
            distances[row, : len(near)], places[row, : len(near)] = near, which
        return Nearest(distances, places)

    def _blocks(self, condition: str) -> Iterator[tuple[Array, Array]]:
        """The faces of a condition; those of a small gallery are read once a version."""
        key = (self.table.version, condition)
        if self._kept is not None and self._kept[0] == key:
            yield from self._kept[1]
            return
        if self.table.count(condition) > EXACT_FACES:
            yield from self.table.blocks(condition)
            return
        self._kept = (key, list(self.table.blocks(condition)))
        yield from self._kept[1]


def index_when_large(table: Table) -> None:
    """Makes the index that a large gallery needs. Within `Table.writing`.

    Faces that come later are found without it, one by one, until `Table.tidy` takes them in; the
    index is not made anew.
    """
    faces = table.count(EVERY.sql())
    if faces > EXACT_FACES and not table.has_index:
        table.build_index(PARTITIONS, BITS)
