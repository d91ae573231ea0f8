"""Preparation: what is written, what is skipped, that it is cached and resumed."""

import errno
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cari_keras.data import demo, encoder, folder
from cari_keras.data.pipeline import split_records
from cari_keras.data.prepare import prepare
from cari_keras.errors import DatasetError
from cari_keras.images.encode import write_png
from cari_keras.images.graph import decode
from cari_keras.records.schema import parse
from tests.helpers.commands import run_python
from tests.helpers.disks import no_room
from tests.helpers.pictures import write_folder_dataset


def read(prepared, split):
    """All records of a split, by path."""
    found = {}
    for record in split_records(prepared, split):
        fields = parse(record)
        found[fields["path"].numpy().decode()] = fields
    return found


def test_records_hold_the_dataset(folder_dataset, prepared):
    dataset = folder.load(str(folder_dataset))
    assert prepared.count("train") == 30
    assert prepared.count("validation", ["photo"]) == 3
    for split, samples in dataset.splits.items():
        records = read(prepared, split)
        assert set(records) == {s.path for s in samples}
        for sample in samples:
            fields = records[sample.path]
            assert prepared.identities[int(fields["label"])] == sample.identity
            assert bool(fields["is_caricature"]) == (sample.modality == "caricature")
            image = decode(fields["image"], 80).numpy().astype(float)
            # Resized and compressed: the colour stays.
            np.testing.assert_allclose(
                image.mean((0, 1)), dataset.load(sample).mean((0, 1)), atol=3
            )


def test_training_images_beside_a_dataset_join_its_own(folder_dataset, tmp_path):
    """By people's names, whatever their labels are there; nobody comes in who is not known."""
    dataset = folder.load(str(folder_dataset))
    *names, last = reversed(dataset.identities)
    train = [s for s in dataset.splits["train"] if s.identity != dataset.identities[-1]]
    known = replace(dataset, identities=dataset.identities[:-1], splits={"train": train}, pairs={})
    others = replace(dataset, identities=(*names, last), splits={"train": dataset.splits["train"]})
    found = prepare(replace(known, beside=others), 80, cache_dir=tmp_path, progress=False)
    alone = prepare(known, 80, cache_dir=tmp_path, progress=False)
    assert found.identities == known.identities
    assert found.counts == {"train": {m: 2 * n for m, n in alone.counts["train"].items()}}
    owner = {sample.path: sample.identity for sample in train}
    records = [parse(record)["path"].numpy().decode() for record in split_records(found, "train")]
    assert sorted(records) == sorted([*owner, *owner])
    labels = found.of("train").label
    assert [found.identities[k] for k in labels] == [owner[path] for path in records]


def test_images_in_another_cut_take_the_place_of_those_that_are_judged(folder_dataset, tmp_path):
    """With the labels of the dataset's people; training images stay as they are."""
    dataset = folder.load(str(folder_dataset))
    white = np.full((90, 90, 3), 255, np.uint8)
    drawn = {s.path for s in dataset.splits["validation"] if s.modality == "caricature"}
    write_png(white, tmp_path / "white.png")
    others = [
        replace(sample, source=str(tmp_path / "white.png"))
        for sample in dataset.splits["validation"]
        if sample.modality == "caricature"
    ]
    people = dataset.identities[::-1]
    instead = replace(dataset, identities=people, splits={"elsewhere": others}, fingerprint="white")
    both = replace(dataset, instead=instead)
    found = prepare(both, 80, cache_dir=tmp_path, progress=False)
    alone = prepare(dataset, 80, cache_dir=tmp_path, progress=False)
    assert found.counts == alone.counts
    assert found.aligned == {"whole": "caricature"}
    assert found.pairs == alone.pairs
    owner = {s.path: s.identity for samples in dataset.splits.values() for s in samples}
    for split in dataset.splits:
        labels = iter(found.of(split).label)
        for record in split_records(found, split):
            fields = parse(record)
            path = fields["path"].numpy().decode()
            assert found.identities[next(labels)] == owner[path]
            shown = decode(fields["image"], 80).numpy()
            assert (shown.min() > 250) == (path in drawn)
    for sample in dataset.splits["validation"]:
        assert (both.load(sample).min() == 255) == (sample.path in drawn)
    photos = replace(dataset, instead=replace(dataset, splits={"validation": []}))
    assert prepare(photos, 80, cache_dir=tmp_path, progress=False).aligned == {}
    # One that is gone since, and one that cannot be read any more.
    gone, damaged, *_ = others
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    kept = [replace(damaged, source=str(tmp_path / "damaged.png")), *others[2:]]
    fewer = replace(instead, splits={"elsewhere": kept}, fingerprint="fewer")
    found = prepare(replace(dataset, instead=fewer), 80, cache_dir=tmp_path, progress=False)
    lost = {gone.path, damaged.path}
    assert found.count("validation") == alone.count("validation") - 2
    assert found.pairs["validation"] == [
        pair for pair in alone.pairs["validation"] if not lost & {pair.first, pair.second}
    ]
    assert len(found.pairs["validation"]) < len(alone.pairs["validation"])
    assert found.report["unreadable images, left out"] == 2


@pytest.mark.slow
def test_all_processes_give_what_one_gives(tmp_path):
    dataset = demo.load(identities=2, photos=10, caricatures=10, size=80)
    for name, workers in (("one", 1), ("two", 2)):
        prepare(dataset, 80, cache_dir=tmp_path / name, workers=workers, progress=False)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.tfrecord"))
    assert len(files) == 4
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_keypoints_reach_the_records(tmp_path):
    dataset = demo.load(identities=2, photos=2, caricatures=2, size=80)
    prepared = prepare(dataset, 80, cache_dir=tmp_path, workers=1, progress=False)
    for sample in dataset.splits["train"]:
        stored = read(prepared, "train")[sample.path]["keypoints"]
        np.testing.assert_allclose(stored, sample.keypoints, rtol=1e-6)


def test_unreadable_images_are_skipped_listed_and_their_pairs_dropped(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=5)
    dataset = folder.load(str(root))
    bad = [dataset.splits["train"][0], dataset.splits["validation"][0]]
    for sample, content in zip(bad, (b"not an image", b"")):
        (root / sample.path).write_bytes(content)
    dataset = folder.load(str(root))
    prepared = prepare(dataset, 80, cache_dir=tmp_path / "c", workers=1, progress=False)
    assert prepared.count("train") + prepared.count("validation") == 18
    assert prepared.report["unreadable images, left out"] == 2
    for sample, line in zip(bad, sorted(prepared.skipped, key=lambda s: bad[1].path in s)):
        assert line.startswith(str(root / sample.path))
        assert "not a picture" in line or "empty file" in line
    used = {path for p in prepared.pairs["validation"] for path in (p.first, p.second)}
    assert bad[1].path not in used
    # The same from the cache.
    again = prepare(dataset, 80, cache_dir=tmp_path / "c", workers=1, progress=False)
    assert again == prepared


def test_no_readable_image_is_an_error(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=2)
    for path in root.rglob("*.png"):
        path.write_bytes(b"rubbish")
    with pytest.raises(DatasetError, match="none of its training images can be read"):
        prepare(folder.load(str(root)), 80, cache_dir=tmp_path / "c", workers=1, progress=False)


def test_an_interrupted_preparation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=5)
    dataset = folder.load(str(root))
    whole = prepare(dataset, 80, cache_dir=tmp_path / "whole", workers=1, progress=False)

    calls = []
    encode = encoder.encode

    def killed(dataset, sample, size):
        calls.append(sample.path)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return encode(dataset, sample, size)

    monkeypatch.setattr(encoder, "encode", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, 80, cache_dir=tmp_path / "part", workers=1, progress=False)
    written = list((tmp_path / "part").rglob("*.tfrecord"))
    assert len(written) == 1  # the first shard; the second was cut
    stamp = written[0].stat().st_mtime_ns
    resumed = prepare(dataset, 80, cache_dir=tmp_path / "part", workers=1, progress=False)
    assert written[0].stat().st_mtime_ns == stamp
    assert sorted(calls[11:]) == sorted(set(calls[11:]))
    assert not set(calls[:8]) & set(calls[11:])
    for split in ("train", "validation"):
        assert read(resumed, split).keys() == read(whole, split).keys()


@pytest.mark.parametrize("bytes_left", [None, 0, 500])
def test_a_damaged_shard_is_written_anew(bytes_left, tmp_path):
    dataset = demo.load(identities=2, photos=2, caricatures=2, size=80)
    whole = prepare(dataset, 80, cache_dir=tmp_path, workers=1, progress=False)
    shard = Path(whole.of("train", ["photo"]).files[0])
    content = shard.read_bytes()
    if bytes_left is None:
        shard.unlink()
    else:
        shard.write_bytes(content[:bytes_left])
    assert prepare(dataset, 80, cache_dir=tmp_path, workers=1, progress=False) == whole
    assert shard.read_bytes() == content


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path, monkeypatch):
    dataset = folder.load(str(write_folder_dataset(tmp_path / "data", identities=2, images=2)))
    opened, closed = Path.open, dataset.splits["train"][0].source

    def refused(path, *how, **options):
        if str(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *how, **options)

    def count():
        found = prepare(dataset, 80, cache_dir=tmp_path / "c", workers=1, progress=False)
        return found.count("train"), found.skipped

    monkeypatch.setattr(Path, "open", refused)
    assert count() == (7, [f"{closed}: cannot be read (Permission denied)"])
    monkeypatch.undo()
    assert count() == (8, [])


def test_a_file_that_still_cannot_be_read_costs_nothing(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=2)
    gone = next((root / "photo").rglob("*.png"))
    dataset = folder.load(str(root))
    gone.unlink()
    found = prepare(dataset, 80, cache_dir=tmp_path / "c", workers=1, progress=False)
    assert any("no such file" in line for line in found.skipped)
    written = {path: path.stat().st_mtime_ns for path in found.root.glob("*.tfrecord")}
    assert prepare(dataset, 80, cache_dir=tmp_path / "c", workers=1, progress=False) == found
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_full_disk_is_the_system_s_error(tmp_path):
    dataset = demo.load(identities=2, photos=2, caricatures=2, size=80)
    with no_room(1000), pytest.raises(OSError, match="File too large") as caught:
        prepare(dataset, 80, cache_dir=tmp_path, workers=1, progress=False)
    assert caught.value.filename.endswith(".tfrecord")
    assert not list(tmp_path.rglob("*.tfrecord"))


ORPHANS = """
import os
from cari_keras.data import demo
from cari_keras.data.encoder import Encoder
dataset = demo.load(identities=2, photos=2, caricatures=2, size=80)
if __name__ == "__main__":
    encoder = Encoder(dataset, 2)
    next(encoder.encode(dataset.splits["train"], 80))
    print(*encoder.pool._processes, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads Linux's /proc")
def test_workers_end_with_the_process_that_started_them(tmp_path):
    (tmp_path / "orphans.py").write_text(ORPHANS)
    workers = run_python(tmp_path / "orphans.py").stdout.split()
    assert workers
    for _ in range(200):
        if not any(Path("/proc", worker).exists() for worker in workers):
            break
        time.sleep(0.1)
    assert not any(Path("/proc", worker).exists() for worker in workers)


def test_the_cache_follows_the_request(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=3)
    first = prepare(folder.load(str(root)), 80, cache_dir=tmp_path, workers=1, progress=False)
    other = prepare(folder.load(str(root)), 96, cache_dir=tmp_path, workers=1, progress=False)
    assert first.root != other.root
    shutil.copy(root / "photo" / "person_0" / "0.png", root / "photo" / "person_1" / "9.png")
    more = prepare(folder.load(str(root)), 80, cache_dir=tmp_path, workers=1, progress=False)
    assert more.root != first.root
    assert more.count("train") + more.count("validation") == 13
    summary = json.loads((more.root / "dataset.json").read_text())
    assert summary["image_size"] == 80
