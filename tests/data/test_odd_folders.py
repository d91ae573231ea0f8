"""Whose pictures a folder holds, whatever its folders are called and whatever else lies there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from cari_keras.align.config import AlignConfig
from cari_keras.align.engine import _notes, align_folder
from cari_keras.data import cavi, folder
from cari_keras.data.given import load_images, modality_of
from cari_keras.data.nearby import right_call
from cari_keras.errors import AlignError, DatasetError
from cari_keras.images.layouts import find_layout, list_entries
from cari_keras.images.names import one_spelling
from cari_keras.serving.export import hash_of_files
from cari_keras.serving.search import open_gallery
from tests.helpers.pictures import write_folder_dataset, write_image

LAYOUTS = ("CaVI_Dataset/{Real,", "OriginalImages/<name>", "{photo,caricature}/<id", "<identity>/*")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_folder_dataset(tmp_path / "data", identities=2, images=3)


@pytest.mark.parametrize(
    ("photos", "caricatures"),
    [("Photo", "Caricature"), ("photos", "caricatures"), ("PHOTOGRAPHS", "Caricatures ")],
)
def test_the_folders_of_modalities_may_be_called_otherwise(data, photos, caricatures):
    (data / "photo").rename(data / "p")
    (data / "p").rename(data / photos)
    (data / "caricature").rename(data / "c")
    (data / "c").rename(data / caricatures)
    found = folder.load(str(data))
    for modality in ("photo", "caricature"):
        assert found.count("train", modality) + found.count("validation", modality) == 6
    assert found.report == {}
    assert {e.modality for e in list_entries(data, find_layout(data))} == {"photo", "caricature"}
    given = load_images(data)
    assert given.count("test", "caricature") == given.count("test", "photo") == 6
    assert modality_of(f"{caricatures}/ann/1.png") == "caricature"


def test_folders_of_other_names_beside_them_are_named(data):
    (data / "caricature").rename(data / "drawings")
    entries = list_entries(data, find_layout(data))
    told = "files in folders that are neither photo/ nor caricature/ (drawings/), left out"
    assert folder.load(str(data)).report == {told: 6}
    assert _notes(entries, find_layout(data)) == [f"6 {told}"]


def spellings():
    accent = "Zo\u00eb Kravitz"
    return [
        ("ann", "Ann", "Ann"),
        ("ann", "ann ", "ann"),
        ("Ann_Lee", "ann lee", "Ann_Lee"),
        (accent, unicodedata.normalize("NFD", accent), accent),
        ("\uff21nn", "Ann", "Ann"),
        ("O'Neal", "O\u2019Neal", "O'Neal"),
        ("Jean-Luc", "Jean\u2011Luc", "Jean-Luc"),
        ("\u0130lker", "ilker", "ilker"),
    ]


@pytest.mark.parametrize(("photo", "caricature", "taken"), spellings())
def test_one_person_under_two_spellings_is_one(data, photo, caricature, taken):
    (data / "photo" / "person_0").rename(data / "photo" / photo)
    (data / "caricature" / "person_0").rename(data / "caricature" / caricature)
    found = folder.load(str(data))
    assert found.identities == tuple(sorted((taken, "person_1")))
    (told,) = found.report
    assert told.startswith("people with several spellings, each taken for one person (such as ")
    people = {entry.identity for entry in list_entries(data, find_layout(data))}
    assert people == set(found.identities) == set(load_images(data).people)


def test_names_that_differ_in_more_are_two_people():
    names = ["ann", "anne", "ann 2", "@ann", "\u00e4nn", "-"]
    assert one_spelling(names) == {name: name for name in names}


def test_that_nobody_has_both_modalities_is_said(data):
    for k in range(2):
        (data / "caricature" / f"person_{k}").rename(data / "caricature" / f"c{k}")
    ((told, count),) = folder.load(str(data)).report.items()
    assert count == 0
    assert told.startswith(
        "people have both photos and caricatures; do the folders have the same names?"
    )
    assert "'person_0' of photos and 'c0' of caricatures" in told
    entries = list_entries(data, find_layout(data))
    assert _notes(entries, find_layout(data)) == [f"0 {told}"]


def test_what_systems_leave_is_nobody(data):
    picture = (data / "photo" / "person_0" / "0.png").read_bytes()
    for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX", ".thumbnails", "lost+found"):
        (data / "photo" / name).mkdir()
        (data / "photo" / name / "copy.png").write_bytes(picture)
    (data / "photo" / "person_0" / "._0.png").write_bytes(picture)
    found = folder.load(str(data))
    assert found.identities == ("person_0", "person_1")
    assert found.report == {
        "systems' own folders, left out": 5,
        "systems' own files, left out": 1,
    }
    assert load_images(data).people == found.identities
    gallery = open_gallery(Model(), data / "photo", cache_dir=data / "cache")
    assert len(gallery.paths) == 6
    assert [line.split(": ")[1].split(";")[0] for line in gallery.refused] == [
        "5 systems' own folders, left out",
        "1 system's own file, left out",
    ]


class Model:
    """Embeds everything alike."""

    key = "model"

    def face(self, path, modality):
        return np.zeros((4, 4, 3), np.uint8)

    def embed_faces(self, faces):
        return np.ones((len(faces), 2), np.float32)


def test_pictures_of_any_ending_are_trained_on_and_searched(data):
    for k, name in enumerate(("0.jfif", "1", "2.gif")):
        (data / "photo" / "person_0" / f"{k}.png").rename(data / "photo" / "person_0" / name)
    (data / "photo" / "person_0" / "notes").write_text("hello")
    found = folder.load(str(data))
    assert found.count("train", "photo") + found.count("validation", "photo") == 6
    assert found.report == {"files that are not images, left out": 1}
    assert len(open_gallery(Model(), data / "photo", cache_dir=data / "cache").paths) == 6


def test_a_wrong_layout_is_told_once_with_every_layout(tmp_path):
    for k in range(4):
        write_image(tmp_path / "flat" / f"{k}.png", (9, 9, 9))
    with pytest.raises(AlignError, match="none of its 4 files lies where a layout") as align:
        align_folder(tmp_path / "flat", tmp_path / "aligned", AlignConfig(), progress=False)
    assert not (tmp_path / "aligned").exists()
    with pytest.raises(DatasetError, match="4 files not directly in an identity's") as train:
        folder.load(str(tmp_path / "flat"))
    for error in (align, train):
        assert all(shape in str(error.value) for shape in LAYOUTS)
        assert "\n" not in str(error.value)


def test_what_no_file_is_told_by_its_reason_where_nothing_is_to_align(tmp_path):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    os.mkfifo(tmp_path / "raw" / "ann" / "p.jpg")
    (tmp_path / "raw" / "ann" / "gone.jpg").symlink_to("nowhere")
    said = "no file lies where a layout has pictures; 1 broken link, left out; 1 pipe, socket or de"
    with pytest.raises(AlignError, match=said):
        align_folder(tmp_path / "raw", tmp_path / "out", AlignConfig(), progress=False)


def test_the_folder_that_was_meant_is_named(data, tmp_path_factory):
    meant = f"{data} is in the layout modalities: name that folder"
    with pytest.raises(DatasetError, match=meant):
        folder.load(str(data.parent))
    with pytest.raises(AlignError, match=meant):
        align_folder(data.parent, tmp_path_factory.mktemp("aligned"), AlignConfig(), progress=False)
    (data / "train" / "CaVI_Dataset" / "Real").mkdir(parents=True)
    with pytest.raises(DatasetError, match="train is in the layout cavi: name that folder"):
        cavi.load(str(data / "train" / "CaVI_Dataset"))
    with pytest.raises(DatasetError, match=r"in the layout cavi, .*; use --dataset cavi"):
        folder.load(str(data / "train"))


def test_pictures_below_a_person_s_folders_are_no_other_layout(tmp_path):
    """Of each person's photos in a folder of their own, no single person's folder is the remedy."""
    for modality in ("photo", "caricature"):
        write_image(tmp_path / "ann" / modality / "1.png", (9, 9, 9))
    with pytest.raises(DatasetError, match="2 files not directly in an identity's") as raised:
        folder.load(str(tmp_path))
    assert "name that folder" not in str(raised.value)
    assert right_call("folder", str(tmp_path)) == ""


def test_what_was_left_out_is_told_where_too_little_is_left(tmp_path):
    write_image(tmp_path / "photo" / "ann" / "1.png", (9, 9, 9))
    write_image(tmp_path / "photo" / "bob" / "2019" / "1.png", (9, 9, 9))
    said = r"one identity \(ann\); .* at least two; 1 file not directly in an identity's folder"
    with pytest.raises(DatasetError, match=said):
        folder.load(str(tmp_path))


def test_a_stranger_under_another_spelling_of_a_person_s_is_refused(data):
    write_folder_dataset(data / "strangers", identities=1, images=2)
    (data / "strangers" / "photo" / "person_0").rename(data / "strangers" / "photo" / "Person 0")
    (data / "strangers" / "caricature" / "person_0").rename(
        data / "strangers" / "caricature" / "Person 0"
    )
    with pytest.raises(DatasetError, match="Person 0 is an identity"):
        folder.load(str(data))


def test_systems_files_in_an_export_are_no_damage(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"x")
    before = hash_of_files(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "variables/._variables.index", "desktop.ini"):
        (tmp_path / name).write_bytes(b"left")
    assert hash_of_files(tmp_path) == before
    (tmp_path / "variables" / "other").write_bytes(b"x")
    assert hash_of_files(tmp_path) != before
