"""Adding by pipelines of Beam: equal rows, and clear errors."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from cari_keras import Gallery
from cari_keras.errors import GalleryError
from cari_keras.files import lock_file
from cari_keras.gallery import adding
from cari_keras.gallery.adding import OnBeam
from cari_keras.gallery.rows import FaceRow
from tests.helpers.galleries import SmallModel, write_people

pytest.importorskip("lancedb")


def content(gallery):
    """All rows by key, as text."""
    return {row.key: str(row) for row in gallery.rows(columns=FaceRow._fields)}


def test_pipelines_find_the_faces_that_one_process_finds(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    monkeypatch.setattr(adding, "BATCH", 5)
    faces = write_people(tmp_path / "faces")
    (faces / "photo" / "person 0" / "broken.png").write_bytes(b"no picture")
    here = Gallery(tmp_path / "here", SmallModel())
    wanted = here.add(faces)
    gallery = Gallery(tmp_path / "beam", SmallModel())
    found = gallery.add(faces, on=OnBeam(SmallModel))
    assert content(gallery) == content(here)
    assert len(gallery) == 18
    assert (found.new, found.faces, found.embedded) == (wanted.new, 18, wanted.embedded)
    assert sorted(found.refused) == sorted(wanted.refused)
    # What is there is not looked at again: this runner would fail.
    nowhere = OnBeam(SmallModel, options=["--runner=NoSuchRunner"])
    assert gallery.add(faces, on=nowhere).unchanged == 19
    more = write_people(tmp_path / "more", people=1)
    with pytest.raises(
        GalleryError, match=r"Beam's pipeline failed .*; the finished part is saved"
    ):
        gallery.add(more, on=nowhere)
    with pytest.raises(GalleryError, match="a worker's network differs from the gallery's"):
        gallery.add(more, on=OnBeam(partial(SmallModel, 1)))
    assert content(gallery) == content(here)
    assert sorted(path.name for path in gallery.path.iterdir()) == [
        ".beam.lock",
        ".lock",
        "faces.lance",
    ]
    lock = lock_file(gallery.path / ".beam.lock", wait=False)
    with pytest.raises(GalleryError, match="another process adds to it with Beam; wait for that"):
        gallery.add(more, on=OnBeam(SmallModel))
    lock.release()


def test_without_apache_beam(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    gallery = Gallery(tmp_path / "g", SmallModel())
    with pytest.raises(GalleryError, match=r"needs apache-beam .*: pip install 'cari_keras\[beam"):
        gallery.add(write_people(tmp_path / "faces"), on=OnBeam(SmallModel))
    assert not (tmp_path / "g").exists()
