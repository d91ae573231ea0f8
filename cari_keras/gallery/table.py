"""The vector database below a gallery: one LanceDB table in a folder, changed in whole commits.

A commit is there whole or not at all, whatever happens to the process. Writers of several processes
take turns by a lock in the folder, and each looks at what is there before it writes. A reader keeps
the version that it has opened until it asks for the newest.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Optional

from cari_keras.arrays import Array
from cari_keras.errors import GalleryError
from cari_keras.files import lock_file
from cari_keras.gallery.database import asked, library, written
from cari_keras.gallery.only import among
from cari_keras.gallery.rows import (
    EMBEDDING,
    FaceRow,
    embeddings_of,
    of_arrow,
    schema_of,
    to_arrow,
)

#: The table's name, and the key of what its schema says of the gallery.
FACES, META = "faces", b"cari_gallery"

#: Raised when the rows mean something else than before.
FORMAT = 1

#: Commits after which small files are joined to larger ones.
COMMITS_BETWEEN_TIDYING = 64

#: Versions that are younger stay for those who read them.
_KEPT_FOR = timedelta(hours=1)

#: Faces that are read at once.
BLOCK = 65_536


class Table:
    """The faces of a gallery.

    Args:
        folder: The gallery.
        name: Of the table.

    Raises:
        GalleryError: There is a folder, but no gallery in it.
    """

    def __init__(self, folder: Path, name: str = FACES) -> None:
        self.folder, self.name = folder, name
        self._table: Any = None
        self._commits = 0
        self._open()

    @property
    def exists(self) -> bool:
        """Whether it was made."""
        return self._table is not None

    @property
    def meta(self) -> dict[str, Any]:
        """What was said of it when it was made."""
        return dict(json.loads(self._table.schema.metadata[META]))

    @property
    def version(self) -> int:
        """The number of the version that is read."""
        return int(self._table.version)

    @property
    def schema(self) -> Any:
        """Its columns, for PyArrow."""
        return self._table.schema

    @property
    def dimension(self) -> int:
        """d of its embeddings."""
        return int(self.schema.field(EMBEDDING).type.list_size)

    def refresh(self) -> None:
        """Reads the newest version from now on."""
        if self._table is None:
            self._open()
        else:
            asked(self.folder, self._table.checkout_latest)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Makes writing this process's own; the newest version is read then.

        Raises:
            GalleryError: The folder cannot be made or locked.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = lock_file(self.folder / ".lock", wait=True)
        except OSError as error:
            raise GalleryError(f"{self.folder}: cannot be written ({error.strerror})") from error
        try:
            self.refresh()
            yield
        finally:
            lock.release()

    def create(self, dimension: int, meta: dict[str, Any]) -> None:
        """Makes it, with no face. For use within `writing`."""
        schema = self._schema(dimension, meta)
        database = self._database()
        self._table = written(
            self.folder, lambda: database.create_table(self.name, schema=schema, exist_ok=True)
        )

    def replace(self, paths: Sequence[str], rows: Sequence[FaceRow]) -> None:
        """Puts rows in place of all rows of some pictures, in one commit. Within `writing`.

        Args:
            paths: The pictures.
            rows: Of these pictures alone.
        """
        condition = among("path", paths)
        if not self.count(condition):
            self.append(rows)
            return
        if not rows:
            self.delete(condition)
            return
        merge = (
            self._table.merge_insert("key")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .when_not_matched_by_source_delete(condition)
        )
        data = self._arrow(rows)
        written(self.folder, lambda: merge.execute(data, on_bad_vectors="null"))

    def append(self, rows: Sequence[FaceRow]) -> None:
        """Adds rows of pictures that are not there, in one commit. Within `writing`."""
        if rows:
            self.append_arrow(self._arrow(rows))

    def append_arrow(self, data: Any) -> None:
        """As `append`, of PyArrow's table in the schema of `rows.schema_of`."""
        written(self.folder, lambda: self._table.add(data, on_bad_vectors="null"))

    def delete(self, condition: str) -> None:
        """Takes away all rows of a condition, in one commit. Within `writing`."""
        written(self.folder, lambda: self._table.delete(condition))

    def take_place_of(self, other: Table) -> None:
        """Becomes all of `other`, in one commit; `other` goes. Within `writing` of both."""
        source = other._table
        schema, database = source.schema, self._database()
        batches = source.search().to_batches()
        self._table = written(
            self.folder,
            lambda: database.create_table(
                self.name, batches, schema=schema, mode="overwrite", on_bad_vectors="null"
            ),
        )
        written(self.folder, lambda: database.drop_table(other.name))

    def drop(self) -> None:
        """Removes it with all of its rows."""
        with self.writing():
            if self.exists:
                written(self.folder, lambda: self._database().drop_table(self.name))
                self._table = None

    def tidy(self, *, now: bool = True) -> None:
        """Joins small files, takes new faces into the index, and removes old versions.

        Args:
            now: Otherwise only every `COMMITS_BETWEEN_TIDYING` commits. Within `writing`.
        """
        self._commits += 1
        if now or self._commits % COMMITS_BETWEEN_TIDYING == 0:
            written(self.folder, lambda: self._table.optimize(cleanup_older_than=_KEPT_FOR))

    def count(self, condition: Optional[str] = None) -> int:
        """How many rows there are, of a condition."""
        return int(asked(self.folder, lambda: self._table.count_rows(condition)))

    def rows(self, condition: str, columns: Sequence[str]) -> Iterator[FaceRow]:
        """The rows of a condition, some columns of them."""
        for batch in self.batches(condition, columns):
            yield from of_arrow(batch)

    def batches(
        self, condition: str, columns: Sequence[str], *, numbered: bool = False
    ) -> Iterator[Any]:
        """PyArrow's batches of the rows of a condition; with `_rowid` where `numbered`."""
        query = self._table.search().where(condition).select(list(columns))
        yield from asked(self.folder, lambda: query.with_row_id(numbered).to_batches(BLOCK))

    def blocks(self, condition: str) -> Iterator[tuple[Array, Array]]:
        """Numbers int64 [n] and embeddings float32 [n, d] of the faces of a condition."""
        for batch in self.batches(condition, [EMBEDDING], numbered=True):
            numbers = batch["_rowid"].to_numpy(zero_copy_only=False).astype("int64")
            yield numbers, embeddings_of(batch[EMBEDDING])

    def numbered(self, numbers: Iterable[int], columns: Sequence[str]) -> dict[int, FaceRow]:
        """The rows of some numbers of this version."""
        wanted = sorted(set(numbers))
        if not wanted:
            return {}
        query = self._table.take_row_ids(wanted).select(list(columns)).with_row_id()
        found = asked(self.folder, query.to_arrow)
        return dict(zip(found["_rowid"].to_pylist(), of_arrow(found)))

    def build_index(self, partitions: int, bits: int) -> None:
        """Makes the approximate index anew. Within `writing`.

        Args:
            partitions: Of the index.
            bits: Of the code of a number of an embedding.
        """
        config = library("lancedb.index").IvfRq(
            distance_type="l2", num_partitions=partitions, num_bits=bits
        )
        written(
            self.folder, lambda: self._table.create_index(EMBEDDING, config=config, replace=True)
        )
        asked(self.folder, lambda: self._table.wait_for_index(self._indices()))

    @property
    def has_index(self) -> bool:
        """Whether there is an approximate index."""
        return bool(asked(self.folder, self._indices))

    @property
    def unindexed(self) -> int:
        """How many rows came since the index was made or tidied; they are searched one by one."""
        names = asked(self.folder, self._indices)
        stats = [asked(self.folder, partial(self._table.index_stats, name)) for name in names]
        return sum(one.num_unindexed_rows for one in stats)

    def approximate(
        self, query: Array, count: int, condition: Optional[str], *, probes: int, refine: int
    ) -> tuple[Array, Array]:
        """Distances float32 [at most count] and numbers int64 of the faces about nearest to one.

        Args:
            query: float32 [d].
            count: How many.
            condition: Of the faces that are meant; None for all.
            probes: Partitions of the index that are looked into.
            refine: As many times `count` are compared by their whole embeddings.
        """
        wanted = self._table.search(query, vector_column_name=EMBEDDING).distance_type("l2")
        if condition is not None:
            wanted = wanted.where(condition, prefilter=True)
        wanted = wanted.select(["_distance"]).with_row_id(True).limit(count)
        wanted = wanted.nprobes(probes).refine_factor(refine)
        found = asked(self.folder, wanted.to_arrow)
        numbers = found["_rowid"].to_numpy().astype("int64")
        return found["_distance"].to_numpy().astype("float32"), numbers

    def _indices(self) -> list[str]:
        return [index.name for index in self._table.list_indices()]

    def _schema(self, dimension: int, meta: dict[str, Any]) -> Any:
        told = json.dumps({"format": FORMAT, **meta})
        return schema_of(library("pyarrow"), dimension).with_metadata({META: told.encode()})

    def _arrow(self, rows: Sequence[FaceRow]) -> Any:
        return to_arrow(library("pyarrow"), rows, self._table.schema)

    def _database(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return library("lancedb").connect(str(self.folder))

    def _open(self) -> None:
        if not holds_table(self.folder, self.name):
            others = {".lock", f"{FACES}.lance"}
            if self.folder.exists() and not _holds_only(self.folder, others):
                raise GalleryError(
                    f"{self.folder}: not a gallery, and not empty; name a gallery or a new folder"
                )
            return
        table = asked(self.folder, lambda: self._database().open_table(self.name))
        meta = (table.schema.metadata or {}).get(META)
        if meta is None or json.loads(meta).get("format") != FORMAT:
            raise GalleryError(
                f"{self.folder}: not a gallery of this version of cari_keras; make a new "
                "one with cari-gallery add"
            )
        self._table = table


def holds_table(folder: Path, name: str = FACES) -> bool:
    """Whether there is a table in a folder, of whatever version."""
    return (folder / f"{name}.lance").is_dir()


def _holds_only(folder: Path, names: set[str]) -> bool:
    try:
        return folder.is_dir() and all(entry.name in names for entry in folder.iterdir())
    except OSError as error:
        raise GalleryError(f"{folder}: cannot be read ({error.strerror})") from error
