"""Files of records, written with the places of what they hold and read by places."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.errors import AlignError, DatasetError
from cari_keras.records.shards import (
    Intact,
    Places,
    ends_at,
    read_face,
    read_places,
    read_record,
    shard_names,
    write_shard,
)


@pytest.fixture
def written(tmp_path):
    """Two files of seven records, each of another length."""
    records, parts = [], []
    for number, count in enumerate((3, 4)):
        path = tmp_path / f"{number}.tfrecord"
        own = [bytes([10 * number + k]) * (50 + 7 * k) for k in range(count)]
        offsets = np.array([offset for offset, _ in write_shard(path, own)])
        labels = np.full(count, number, np.int32)
        parts.append(Places((str(path),), np.zeros(count, np.int32), offsets, labels))
        records += own
    return Places.join(parts), records


def read(places):
    return list(read_places(places, parallel=2).as_numpy_iterator())


def test_records_come_in_the_order_of_their_places(written):
    places, records = written
    assert read(places) == records
    order = np.array([5, 0, 3, 0])
    some = places.take(order)
    assert read(some) == [records[i] for i in order]
    assert some.label.tolist() == [1, 0, 1, 0]
    assert len(some) == 4
    assert some != places
    assert places == places.take(np.arange(7))


def test_no_places_are_no_records():
    nobody = Places.join([])
    assert len(nobody) == 0
    assert read(nobody) == []


def test_they_are_ordinary_tfrecords(written):
    places, records = written
    assert list(tf.data.TFRecordDataset(list(places.files)).as_numpy_iterator()) == records


def test_a_damaged_record_is_noticed(written):
    """By its checksum; the others are read all the same."""
    places, records = written
    with open(places.files[1], "r+b") as stream:  # noqa: PTH123
        stream.seek(int(places.offset[4]) + 20)
        stream.write(b"?")
    assert read(places.take(np.array([0, 3, 5, 6]))) == [records[i] for i in (0, 3, 5, 6)]
    with pytest.raises(DatasetError, match=r"^here: its records are damaged, .*; run "):
        list(Intact(read_places(places.take(np.array([4])), parallel=1), Path("here")))


def test_a_place_behind_the_last_record_is_noticed(written):
    """A folder that was written anew meanwhile has other offsets."""
    places, _ = written
    size = Path(places.files[0]).stat().st_size
    beyond = replace(places, offset=np.where(np.arange(7) == 2, size, places.offset))
    with pytest.raises(DatasetError, match="have changed meanwhile"):
        list(Intact(read_places(beyond, parallel=2), Path("here")))


def test_a_face_of_a_damaged_record_is_an_error_of_ours(tmp_path):
    for content in (b"\xff" * 40, b""):
        write_shard(tmp_path / "one", [content or tf.train.Example().SerializeToString() + b"\n\0"])
        with pytest.raises(AlignError, match="the image at 0"):
            read_face(tmp_path / "one", 0)


def test_a_file_that_is_cut_short(written, tmp_path):
    places, records = written
    path, last = tmp_path / "1.tfrecord", int(places.offset[-1])
    assert ends_at(path, last)
    assert not ends_at(path, int(places.offset[-2]))
    path.write_bytes(path.read_bytes()[:-20])
    assert not ends_at(path, last)
    with path.open("rb") as stream:
        assert read_record(stream, int(places.offset[-2])) == records[-2]
        with pytest.raises(AlignError, match="cut short"):
            read_record(stream, last)


def test_names_tell_how_many_files_there_are():
    assert shard_names(0, "photo") == []
    assert shard_names(1025, "photo") == [
        "photo-00000-of-00002.tfrecord",
        "photo-00001-of-00002.tfrecord",
    ]
