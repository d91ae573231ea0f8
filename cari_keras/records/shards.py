"""TFRecord files: written with the place of every record, and read by places.

A record lies in a file after its length and a checksum, before another checksum. Training and
evaluation name the records that they want by file and offset, so a split reads its own records
only, in whatever order, and an epoch that goes on in its middle reads nothing of what is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import AlignError, DatasetError
from cari_keras.images.decode import RefusedError, decode_image
from cari_keras.runtime import file_errors, load_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

Batch = TypeVar("Batch")

#: Records of a file, at most.
SHARD_SIZE = 1024

#: Bytes before and after a record.
_BEFORE, _AFTER = 12, 4

#: What is read of a file at once: about a record of a face.
_BUFFER = 1 << 16


@dataclass(frozen=True)
class Places:
    """Where the n records of a split and modality are, and whose they are.

    Attributes:
        files: Paths of the files.
        file: int32 [n], each record's file, by its position in `files`.
        offset: int64 [n], where it begins there.
        label: int32 [n], its person.
    """

    files: tuple[str, ...]
    file: Array
    offset: Array
    label: Array

    def __len__(self) -> int:
        return len(self.file)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Places):
            return NotImplemented
        mine, theirs = ((p.file, p.offset, p.label) for p in (self, other))
        return self.files == other.files and all(map(np.array_equal, mine, theirs))

    def take(self, rows: Array) -> Places:
        """Some of them, in another order: int [m]."""
        return Places(self.files, self.file[rows], self.offset[rows], self.label[rows])

    @staticmethod
    def join(parts: Sequence[Places]) -> Places:
        """All of several."""
        starts = np.cumsum([0, *(len(part.files) for part in parts)])
        return Places(
            tuple(name for part in parts for name in part.files),
            _joined([part.file + start for part, start in zip(parts, starts)], np.int32),
            _joined([part.offset for part in parts], np.int64),
            _joined([part.label for part in parts], np.int32),
        )


def _joined(arrays: Sequence[Array], dtype: type) -> Array:
    return np.concatenate([np.zeros(0, dtype), *arrays]).astype(dtype)


def shard_names(count: int, stem: str) -> list[str]:
    """The names of the files of `count` records in all: `<stem>-00000-of-00005.tfrecord`."""
    total = -(-count // SHARD_SIZE)
    return [f"{stem}-{i:05d}-of-{total:05d}.tfrecord" for i in range(total)]


def write_shard(path: Path, records: Iterable[bytes]) -> list[tuple[int, int]]:
    """Writes records into one file, which is not atomic in itself.

    Returns:
        Each record's offset and length.

    Raises:
        OSError: The file cannot be written, for example on a full disk.
    """
    load_tensorflow()
    import tensorflow as tf

    places, offset = [], 0
    with file_errors(path), tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
            places.append((offset, len(record)))
            offset += _BEFORE + len(record) + _AFTER
    return places


def read_places(places: Places, *, parallel: int) -> tf.data.Dataset:
    """The serialised records at some places, in their order; TensorFlow checks each one's sum.

    What it raises of records that are damaged or gone, `Intact` tells users.

    Args:
        places: Which.
        parallel: How many are read at a time.
    """
    import tensorflow as tf

    files = tf.constant(places.files if len(places.files) else [""])

    def one(file: tf.Tensor, offset: tf.Tensor) -> tf.data.Dataset:
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=tf.gather(files, file)[tf.newaxis],
            compression_type="",
            buffer_size=tf.constant(_BUFFER, tf.int64),
            byte_offsets=offset[tf.newaxis],
        )
        found = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
        return found.take(1)

    found = tf.data.Dataset.from_tensor_slices((places.file, places.offset)).interleave(
        one, cycle_length=parallel, block_length=1, num_parallel_calls=parallel, deterministic=True
    )
    # A place at a file's very end gives no record, and no error of its own.
    return found.apply(tf.data.experimental.assert_cardinality(len(places)))


class Intact(Generic[Batch]):
    """What a dataset of records gives, with its damage told as an error of ours.

    Args:
        batches: The dataset; it may be gone through several times.
        where: The folder of the records, for the message.
    """

    def __init__(self, batches: Iterable[Batch], where: Path) -> None:
        self.batches, self.where = batches, where

    def __iter__(self) -> Iterator[Batch]:
        """One pass.

        Raises:
            DatasetError: Records are damaged, or not where they were.
        """
        import tensorflow as tf

        errors = tf.errors
        damage = (errors.DataLossError, errors.NotFoundError, errors.FailedPreconditionError)
        try:
            yield from self.batches
        except damage as error:
            reason = str(error.message).partition("\n")[0].partition(" [Op:")[0]
            raise DatasetError(
                f"{self.where}: its records are damaged, or have changed meanwhile "
                f"({reason}); run cari-align --overwrite if cari-align wrote them, else "
                "remove the folder"
            ) from error


def read_face(path: Path, offset: int) -> Array:
    """The image of one record, uint8 RGB [size, size, 3].

    Raises:
        AlignError: The record, or its image, is damaged.
    """
    load_tensorflow()
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    with path.open("rb") as stream:
        record = read_record(stream, offset)
    try:
        example = tf.train.Example.FromString(record)
        return decode_image(example.features.feature["image"].bytes_list.value[0])
    except (RefusedError, DecodeError, IndexError) as error:
        raise AlignError(f"{path}: the image at {offset}: {error}") from error


def read_record(stream: BinaryIO, offset: int) -> bytes:
    """One serialised record of an open file.

    Raises:
        AlignError: The file ends before the record does.
    """
    stream.seek(offset)
    length = int.from_bytes(stream.read(_BEFORE)[:8], "little")
    # A damaged length is no reason to ask for that much memory.
    left = os.fstat(stream.fileno()).st_size - stream.tell()
    record = stream.read(length) if length <= left else b""
    if not record:
        raise AlignError(f"{stream.name}: cut short; run cari-align --overwrite")
    return record


def ends_at(path: Path, offset: int) -> bool:
    """Whether a file is there and ends with the record at an offset."""
    try:
        with path.open("rb") as stream:
            length = len(read_record(stream, offset))
            return stream.seek(0, os.SEEK_END) == offset + _BEFORE + length + _AFTER
    except (OSError, AlignError):
        return False
