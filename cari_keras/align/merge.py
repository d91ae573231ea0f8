"""Merges new faces into an aligned folder's files of records, as its journal has them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Optional

from cari_keras.align.journal import Journal, Record
from cari_keras.records.manifest import FOLDER
from cari_keras.records.shards import SHARD_SIZE, read_record, shard_names, write_shard
from cari_keras.vocabulary import MODALITIES

#: Beside the folder of records, while these are written anew.
NEW = ".records.new"

_MOVING = "moving"


def write_shards(folder: Path, journal: Journal) -> None:
    """Brings `records/` to what the journal holds; may be killed anywhere and called again.

    The new shards are written beside the old, from waiting records and from the old shards; then
    the journal is told, and from there on `finish_move` does the rest.
    """
    new = folder / NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    places = []
    for modality in MODALITIES:
        places += _write_modality(folder, new, journal, modality)
    journal.move(places, _MOVING)
    finish_move(folder, journal)


def finish_move(folder: Path, journal: Journal) -> None:
    """Puts new shards in the old ones' place and drops the waiting records, if that is due.

    Also the first thing to do after an interruption: records that came to wait since would be
    dropped with those that lie in the new shards.
    """
    if not journal.fact(_MOVING):
        return
    new = folder / NEW
    if new.is_dir():
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        new.rename(folder / FOLDER)
    journal.release()
    journal.note(_MOVING, False)


def _write_modality(
    folder: Path, new: Path, journal: Journal, modality: str
) -> list[tuple[str, int, int, str, int]]:
    with contextlib.closing(_OldShards(folder)) as old:
        return _merged(new, journal, modality, old)


def _merged(
    new: Path, journal: Journal, modality: str, old: _OldShards
) -> list[tuple[str, int, int, str, int]]:
    places: list[tuple[str, int, int, str, int]] = []
    records = journal.records(modality)
    for name in shard_names(journal.count(modality), modality):
        written: list[Record] = []

        def examples(written: list[Record] = written) -> Iterator[bytes]:
            for record in islice(records, SHARD_SIZE):
                written.append(record)
                yield record.example if record.example is not None else old.read(record)

        found = write_shard(new / name, examples())
        places += [(name, *place, r.path, r.face) for place, r in zip(found, written)]
    return places


class _OldShards:
    """Reads records where they lie, one shard open at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._name = folder / FOLDER, ""
        self._stream: Optional[BinaryIO] = None

    def read(self, record: Record) -> bytes:
        assert record.shard is not None
        assert record.offset is not None
        if self._name != record.shard or self._stream is None:
            self.close()
            self._name, self._stream = record.shard, (self._folder / record.shard).open("rb")
        return read_record(self._stream, record.offset)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
