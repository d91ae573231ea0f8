"""What has been done so far, in one SQLite file that survives being killed at any moment.

Records wait here until they are all there and are moved into shards; from then on the journal
knows where each of them lies, so that a later run can add and remove files.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from cari_keras.align.aligner import FileResult
from cari_keras.errors import AlignError
from cari_keras.records.manifest import JOURNAL, ManifestRow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (path BLOB PRIMARY KEY, stamp TEXT NOT NULL, rows TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (path BLOB, face INTEGER, modality TEXT NOT NULL,
    example BLOB, shard TEXT, offset INTEGER, length INTEGER, PRIMARY KEY (path, face));
"""


class DamagedError(AlignError):
    """The file is no journal any more."""


class BusyError(AlignError):
    """Another process is at work in the folder."""


class Record(NamedTuple):
    """One face's record: its bytes while they wait, or where they lie in the shards."""

    path: str
    face: int
    example: Optional[bytes]
    shard: Optional[str]
    offset: Optional[int]
    length: Optional[int]


class Journal:
    """The journal of an aligned folder; one process at a time.

    Args:
        folder: The aligned folder; it exists.

    Raises:
        BusyError: Another process is at work.
        AlignError: The file cannot be made or opened.
        DamagedError: The file is no journal.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path = folder / JOURNAL
        try:
            self._db = sqlite3.connect(path, timeout=1.0, isolation_level="IMMEDIATE")
        except sqlite3.Error as error:
            raise AlignError(f"{path}: {error}") from error
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        except sqlite3.OperationalError as error:
            self._db.close()
            if "locked" in str(error):
                raise BusyError(
                    f"{folder}: another cari-align is working there; wait for it, or stop it"
                ) from error
            raise AlignError(f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise DamagedError(
                f"{path}: damaged ({error}); start again with --overwrite"
            ) from error

    def close(self) -> None:
        """Lets other processes in. What was not committed is not kept: it may be half a file's."""
        self._db.close()

    def begin_again(self) -> None:
        """Forgets everything.

        Raises:
            DamagedError: The file is no journal.
        """
        try:
            for table in ("fact", "file", "record"):
                self._db.execute(f"DELETE FROM {table}")
            self._db.commit()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise DamagedError(f"{self._path}: damaged ({error})") from error

    def fact(self, name: str) -> Any:
        """A value that was noted, or None."""
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", [name]).fetchone()
        return json.loads(row[0]) if row else None

    def note(self, name: str, value: Any) -> None:
        """Notes a value and commits."""
        self._db.execute("REPLACE INTO fact VALUES (?, ?)", [name, json.dumps(value)])
        self._db.commit()

    def stamps(self) -> dict[str, str]:
        """The files that are done, with the stamp they had."""
        rows = self._db.execute("SELECT path, stamp FROM file")
        return {os.fsdecode(path): stamp for path, stamp in rows}

    def add(self, path: str, stamp: str, outcome: FileResult) -> None:
        """Notes what became of a file, in place of what was known of it; not yet committed."""
        self.forget(path)
        key = os.fsencode(path)
        self._db.execute(
            "INSERT INTO file VALUES (?, ?, ?)", [key, stamp, json.dumps(outcome.rows)]
        )
        for row, example in zip(outcome.rows, outcome.examples):
            self._db.execute(
                "INSERT INTO record VALUES (?, ?, ?, ?, NULL, NULL, NULL)",
                [key, row["face"], row["modality"], example],
            )

    def forget(self, path: str) -> None:
        """Takes a file out; not yet committed."""
        for table in ("file", "record"):
            self._db.execute(f"DELETE FROM {table} WHERE path = ?", [os.fsencode(path)])

    def commit(self) -> None:
        """Makes everything up to here survive."""
        self._db.commit()

    def rows(self) -> Iterator[ManifestRow]:
        """The manifest's rows by path and face."""
        places = {
            (path, face): (shard, offset)
            for path, face, shard, offset in self._db.execute(
                "SELECT path, face, shard, offset FROM record"
            )
        }
        for path, rows in self._db.execute("SELECT path, rows FROM file ORDER BY path"):
            for row in json.loads(rows):
                if (place := places.get((path, row.get("face")))) is not None:
                    row["shard"], row["offset"] = place
                yield row

    def count(self, modality: str) -> int:
        """How many records a modality has."""
        query = "SELECT COUNT(*) FROM record WHERE modality = ?"
        return int(self._db.execute(query, [modality]).fetchone()[0])

    def records(self, modality: str) -> Iterator[Record]:
        """A modality's records by path and face."""
        query = (
            "SELECT path, face, example, shard, offset, length FROM record "
            "WHERE modality = ? ORDER BY path, face"
        )
        for path, *rest in self._db.execute(query, [modality]):
            yield Record(os.fsdecode(path), *rest)

    def move(self, places: list[tuple[str, int, int, str, int]], fact: str) -> None:
        """Notes where records will lie, each (shard, offset, length, path, face), and a fact.

        Both at once: whoever finds the fact set finishes the move.
        """
        self._db.executemany(
            "UPDATE record SET shard = ?, offset = ?, length = ? WHERE path = ? AND face = ?",
            [(*place, os.fsencode(path), face) for *place, path, face in places],
        )
        self.note(fact, True)

    def release(self) -> None:
        """Drops the bytes of records, which now lie in shards."""
        self._db.execute("UPDATE record SET example = NULL WHERE example IS NOT NULL")
        self._db.commit()
        self._db.execute("VACUUM")
