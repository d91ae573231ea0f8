"""What a gallery holds: added, changed, removed, listed, written out."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from cari_keras import Gallery, Only
from cari_keras.errors import ConfigError, DatasetError, GalleryError
from tests.helpers.galleries import SmallModel, picture, write_people

pytest.importorskip("lancedb")


@pytest.fixture
def faces(tmp_path):
    return write_people(tmp_path / "faces")


def test_faces_of_both_modalities_are_rows(faces, tmp_path):
    gallery = Gallery(tmp_path / "g", SmallModel())
    change = gallery.add(faces)
    assert (change.new, change.faces, len(gallery)) == (18, 18, 18)
    rows = list(gallery.rows())
    assert {row.modality for row in rows} == {"photo", "caricature"}
    assert {row.identity for row in rows} == {"person 0", "person 1", "person 2"}
    row = next(gallery.rows(Only("photo", ("person 1",), faces / "photo" / "person 1" / "0.png")))
    assert row.box.tolist() == [0, 0, 16, 16]
    assert (row.points, row.quality, row.reason) == (None, None, None)
    assert row.size == Path(row.path).stat().st_size
    assert len(list(gallery.rows(Only("photo")))) == 9
    assert len(list(gallery.rows(Only(folder=faces / "caricature" / "person 2")))) == 3
    assert not list(gallery.rows(Only(folder=faces / "caricature" / "person")))


def test_only_what_is_new_changed_or_gone_is_touched(faces, tmp_path):
    model = SmallModel()
    gallery = Gallery(tmp_path / "g", model)
    gallery.add(faces)
    model.looked_at = 0
    assert gallery.add(faces).unchanged == 18
    assert model.looked_at == 0
    picture(faces / "photo" / "person 0" / "0.png", person=7)
    (faces / "photo" / "person 0" / "1.png").unlink()
    (faces / "photo" / "person 1" / "2.png").rename(faces / "photo" / "person 2" / "moved.png")
    picture(faces / "photo" / "person 1" / "new.png", person=1, number=50)
    change = gallery.update(faces)
    assert (change.new, change.changed, change.gone, change.unchanged) == (2, 1, 2, 15)
    assert model.looked_at == change.embedded == 2, "a picture that only moved is known"
    assert len(gallery) == 18
    (moved,) = gallery.rows(Only(folder=faces / "photo" / "person 2" / "moved.png"))
    assert moved.identity == "person 2"
    os.utime(faces / "photo" / "person 1" / "0.png", ns=(1, 1))
    assert gallery.add(faces).embedded == 0, "a new date alone is nothing to look at"
    assert gallery.add(faces).unchanged == 18


def test_what_is_gone_stays_until_an_update_of_its_folder(faces, tmp_path):
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(faces)
    shutil.rmtree(faces / "photo" / "person 0")
    assert gallery.add(faces).gone == 0
    assert gallery.update(faces / "caricature").gone == 0
    assert gallery.update(faces).gone == 3
    assert len(gallery) == 15


def test_several_faces_and_pictures_without_any(tmp_path):
    folder = tmp_path / "ann"
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 16:, 0] = 200
    folder.mkdir()
    cv2.imwrite(str(folder / "two.png"), wide)
    cv2.imwrite(str(folder / "none.png"), np.zeros((48, 16, 3), np.uint8))
    (folder / "broken.png").write_bytes(b"no picture")
    model = SmallModel()
    gallery = Gallery(tmp_path / "g", model)
    change = gallery.add(folder, identity="ann")
    assert (change.new, change.faces, len(gallery)) == (3, 2, 2)
    assert any("none.png: no face found" in line for line in change.refused)
    assert any("broken.png: not a picture" in line for line in change.refused)
    main, other = sorted(gallery.rows(), key=lambda row: row.face)
    assert (main.identity, other.identity) == ("ann", None), "the folder names the main face"
    assert other.box.tolist() == [16, 0, 32, 16]
    assert main.quality == pytest.approx(0.9)
    model.looked_at = 0
    assert gallery.add(folder, identity="ann").unchanged == 3
    assert model.looked_at == 0, "pictures without a face are not looked at again"
    gallery.add(folder, identity="bob")
    assert model.looked_at == 0, "another name is no other face"
    assert next(gallery.rows(Only(identities=("bob",)))).face == 0


def test_names_come_from_folders_unless_they_say_nothing(faces, tmp_path):
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(faces / "photo" / "person 0")
    assert {row.identity for row in gallery.rows()} == {None}
    gallery.add(faces, people="none")
    assert {row.identity for row in gallery.rows()} == {None}
    gallery.add([faces])
    assert {row.identity for row in gallery.rows()} == {"person 0", "person 1", "person 2"}
    with pytest.raises(ConfigError, match="people must be one of folder, none"):
        gallery.add(faces, people="files")
    with pytest.raises(DatasetError, match="no such file or folder"):
        gallery.add(tmp_path / "nowhere")


def test_removing(faces, tmp_path):
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(faces)
    assert gallery.remove(Only(identities=("person 0",))) == 6
    assert gallery.remove(Only(identities=("nobody",))) == 0
    assert gallery.remove(Only("caricature")) == 6
    assert {row.identity for row in gallery.rows()} == {"person 1", "person 2"}
    assert len(gallery) == 6


def test_another_network_is_refused_until_all_is_embedded_anew(faces, tmp_path):
    first, second = SmallModel(0), SmallModel(1)
    gallery = Gallery(tmp_path / "g", first)
    gallery.add(faces)
    with pytest.raises(GalleryError, match=r"made by another network \(network 0.*update --netw"):
        Gallery(tmp_path / "g", second)
    before = {row.key: row for row in gallery.rows()}
    other = Gallery(tmp_path / "g")
    assert other.rebuild(second).faces == 18
    assert {row.key: row.identity for row in other.rows()} == {
        key: row.identity for key, row in before.items()
    }
    (hit,) = Gallery(tmp_path / "g", second).search(
        [faces / "photo" / "person 1" / "0.png"], count=1
    )[0]
    assert hit.distance == pytest.approx(0, abs=1e-6)
    with pytest.raises(GalleryError, match="made by another network"):
        gallery.add(faces)
    (faces / "photo" / "person 1" / "0.png").unlink()
    with pytest.raises(
        GalleryError, match=r"of the gallery are gone, the first is .*0\.png; restore"
    ):
        other.rebuild(first)
    assert len(Gallery(tmp_path / "g", second)) == 18


def test_writing_out(faces, tmp_path):
    import pyarrow.parquet as parquet

    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(faces)
    assert gallery.export(tmp_path / "x.csv", Only("photo")) == 9
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 9
    assert lines[0]["box"] == "0.00 0.00 16.00 16.00"
    assert gallery.export(tmp_path / "x.parquet") == 18
    found = parquet.read_table(tmp_path / "x.parquet")
    assert found.num_rows == 18
    assert len(found["embedding"][0]) == 16
    assert gallery.export(tmp_path / "none.parquet", Only(identities=("nobody",))) == 0
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0
    with pytest.raises(ConfigError, match=r"ends in \.csv or \.parquet"):
        gallery.export(tmp_path / "x.txt")


def test_mistakes_are_told(faces, tmp_path):
    with pytest.raises(GalleryError, match="not a gallery, and not empty"):
        Gallery(faces)
    for action in (lambda g: g.search(np.zeros((1, 16))), lambda g: g.remove(Only())):
        with pytest.raises(GalleryError, match="no such gallery; make one with cari-gallery add"):
            action(Gallery(tmp_path / "g"))
    with pytest.raises(GalleryError, match="pictures need a network"):
        Gallery(tmp_path / "g").add(faces)
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("kind", [str, Path])
def test_object_storage_is_refused(kind, tmp_path, monkeypatch):
    """Writers would have no lock to take turns by, and a folder named s3: is nobody's wish."""
    monkeypatch.chdir(tmp_path)
    for address in ("s3://bucket/people", "gs://bucket/people", "memory://people"):
        with pytest.raises(
            GalleryError, match=f"^{address}: a gallery is a folder whose .*; mount the"
        ):
            Gallery(kind(address))
    assert not list(tmp_path.iterdir())


def test_names_that_are_hard_for_a_database(tmp_path):
    name = "O'Neal \"%_\\ ü"
    picture(tmp_path / "faces" / name / "a'b.png", 0)
    strange = tmp_path / "faces" / "x" / os.fsdecode(b"latin \xe9.png")
    picture(strange, 1)
    gallery = Gallery(tmp_path / "g", SmallModel())
    change = gallery.add(tmp_path / "faces")
    assert (change.new, len(change.refused)) == (1, 1)
    assert "not UTF-8; rename the file" in change.refused[0]
    (row,) = gallery.rows(Only(identities=(name,), folder=tmp_path / "faces" / name))
    assert row.path.endswith("a'b.png")
    assert gallery.add(tmp_path / "faces").unchanged == 1
    assert gallery.remove(Only(identities=(name,))) == 1
