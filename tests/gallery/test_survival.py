"""Galleries whose writers are killed, meet, or have no room."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from cari_keras import Gallery
from cari_keras.errors import GalleryError
from cari_keras.gallery import adding
from tests.helpers.disks import no_room
from tests.helpers.galleries import SmallModel, picture, write_people
from tests.helpers.places import ROOT

pytest.importorskip("lancedb")

#: Adds a folder in batches of four, and says after every batch how many faces are kept.
ADD = """
import sys
from cari_keras.gallery import adding
from cari_keras.gallery.gallery import Gallery
from tests.helpers.galleries import SmallModel

adding.BATCH = 4
commit = adding._commit

def told(table, *rest):
    commit(table, *rest)
    print(table.count("face >= 0"), flush=True)

adding._commit = told
print("begun", flush=True)
Gallery(sys.argv[1], SmallModel()).add(sys.argv[2])
print("done", flush=True)
"""

KILLS = 10


def started(gallery, folder):
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(gallery), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def no_row_twice(gallery):
    keys = Counter(row.key for row in gallery.rows())
    assert set(keys.values()) <= {1}
    return set(keys)


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing_that_was_reported(tmp_path):
    folder = write_people(tmp_path / "faces", people=30, images=4)
    place, moments, kept = tmp_path / "g", random.Random(0), set()
    for _ in range(KILLS):
        process = started(place, folder)
        assert process.stdout.readline() == "begun\n"
        # From before the first commit on; each goes on where the one before was killed.
        for _ in range(moments.randrange(4)):
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout.read().split() if line.isdecimal()]
        process.wait()
        if not (place / "faces.lance").is_dir():
            assert not told
            continue
        now = no_row_twice(Gallery(place))
        assert kept <= now
        assert len(now) >= max(told, default=0)
        kept = now
    gallery = Gallery(place, SmallModel())
    change = gallery.add(folder)
    assert len(no_row_twice(gallery)) == 240
    assert change.unchanged == len(kept)


def test_two_writers_do_not_damage_each_other(tmp_path, monkeypatch):
    """Of the same pictures and of others, at the same time."""
    monkeypatch.setattr(adding, "BATCH", 3)
    shared, own = write_people(tmp_path / "shared"), []
    for writer in range(3):
        for number in range(6):
            path = tmp_path / f"own {writer}" / "ann" / f"{number}.png"
            picture(path, 50 + writer, number)
        own.append(path.parent.parent)
    failed = []

    def write(writer):
        try:
            Gallery(tmp_path / "g", SmallModel()).add([own[writer], shared])
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(k,)) for k in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed
    assert len(no_row_twice(Gallery(tmp_path / "g"))) == 18 + 3 * 6


def test_a_full_disk_loses_nothing_that_was_added(tmp_path):
    place = tmp_path / "g"
    gallery = Gallery(place, SmallModel())
    gallery.add(write_people(tmp_path / "first"))
    before = no_row_twice(gallery)
    more = write_people(tmp_path / "more", people=20, images=5)
    with no_room(), pytest.raises(GalleryError) as raised:
        gallery.add(more)
    assert "cannot be written (File too large); the gallery is intact" in str(raised.value)
    assert no_row_twice(Gallery(place)) == before
    again = Gallery(place, SmallModel())
    again.add(more)
    assert len(no_row_twice(again)) == 18 + 200


def test_a_full_disk_leaves_pictures_that_changed_as_they_were(tmp_path):
    folder, place = write_people(tmp_path / "faces", people=10, images=5), tmp_path / "g"
    gallery = Gallery(place, SmallModel())
    gallery.add(folder)
    before = {row.key: row.sha256 for row in gallery.rows()}
    for path in folder.rglob("*.png"):
        picture(path, person=99, number=int(path.stem))
    with no_room(), pytest.raises(GalleryError, match="the gallery is intact"):
        gallery.add(folder)
    assert {row.key: row.sha256 for row in Gallery(place).rows()} == before
    again = Gallery(place, SmallModel())
    assert again.add(folder).changed == 100
    assert no_row_twice(again) == set(before)
    assert not {row.sha256 for row in again.rows()} & set(before.values())


def test_what_another_process_added_is_read_when_asked(tmp_path):
    folder = write_people(tmp_path / "faces")
    one, other = (Gallery(tmp_path / "g", SmallModel()) for _ in range(2))
    one.add(folder / "photo")
    assert len(other) == 0
    other.refresh()
    assert len(other) == 9
    one.add(folder / "caricature")
    assert len(other) == 9
    other.add(folder)
    assert len(no_row_twice(other)) == 18
