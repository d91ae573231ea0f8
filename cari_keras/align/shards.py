"""Aligned records as TFRecord shards: `records/<modality>-00000-of-00005.tfrecord`, by path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO, Optional

import numpy as np

from cari_keras.align.journal import Journal, Record
from cari_keras.data.base import MODALITIES
from cari_keras.data.pictures import RefusedError, decode_image
from cari_keras.errors import AlignError
from cari_keras.runtime import load_tensorflow

FOLDER, NEW = "records", ".records.new"
SHARD_SIZE = 1024

#: A record in a TFRecord file: its length and a checksum before it, another after it.
_BEFORE, _AFTER = 12, 4

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


def read_face(folder: Path, shard: str, offset: int) -> np.ndarray:
    """The image of one record, uint8 RGB [size, size, 3], by its place in the manifest.

    Raises:
        AlignError: The record's image cannot be decoded.
    """
    load_tensorflow()
    import tensorflow as tf

    example = tf.train.Example.FromString(read_record(folder, shard, offset))
    try:
        return decode_image(example.features.feature["image"].bytes_list.value[0])
    except RefusedError as error:
        raise AlignError(f"{folder / shard}: the image at {offset}: {error}") from error


def read_record(folder: Path, shard: str, offset: int) -> bytes:
    """One serialised record, by its place in the manifest."""
    with (folder / FOLDER / shard).open("rb") as stream:
        return _read(stream, offset)


def ends_at(folder: Path, shard: str, offset: int) -> bool:
    """Whether a shard is there and ends with the record at an offset."""
    try:
        with (folder / FOLDER / shard).open("rb") as stream:
            length = len(_read(stream, offset))
            return stream.seek(0, os.SEEK_END) == offset + _BEFORE + length + _AFTER
    except (OSError, AlignError):
        return False


def shard_names(count: int, modality: str) -> list[str]:
    """The names of a modality's shards of `count` records in all."""
    total = -(-count // SHARD_SIZE)
    return [f"{modality}-{i:05d}-of-{total:05d}.tfrecord" for i in range(total)]


def _write_modality(
    folder: Path, new: Path, journal: Journal, modality: str
) -> list[tuple[str, int, int, str, int]]:
    load_tensorflow()
    from cari_keras.data.records import record_writer

    places = []
    records = journal.records(modality)
    old = _OldShards(folder)
    for name in shard_names(journal.count(modality), modality):
        offset = 0
        with record_writer(new / name) as writer:
            for _, record in zip(range(SHARD_SIZE), records):
                example = record.example if record.example is not None else old.read(record)
                writer.write(example)
                places.append((name, offset, len(example), record.path, record.face))
                offset += _BEFORE + len(example) + _AFTER
    old.close()
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
        return _read(self._stream, record.offset)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _read(stream: BinaryIO, offset: int) -> bytes:
    stream.seek(offset)
    length = int.from_bytes(stream.read(_BEFORE)[:8], "little")
    # A damaged length is no reason to ask for that much memory.
    left = os.fstat(stream.fileno()).st_size - stream.tell()
    record = stream.read(length) if length <= left else b""
    if not record:
        raise AlignError(f"{stream.name}: cut short; run cari-align --overwrite")
    return record
