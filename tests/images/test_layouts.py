"""Layouts, and every file below a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cari_keras.errors import AlignError
from cari_keras.images.layouts import LAYOUTS, find_layout, list_entries


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


CASES = {
    "photos": (
        ["ann/1.jpg", "b/c/2.jpg", "readme"],
        {
            "ann/1.jpg": ("ann", "photo"),
            "b/c/2.jpg": ("", ""),
            "readme": ("", ""),
        },
    ),
    "modalities": (
        ["photo/ann/1.jpg", "caricature/ann/1", "photo/2.jpg", "other/ann/3.jpg"],
        {
            "photo/ann/1.jpg": ("ann", "photo"),
            "caricature/ann/1": ("ann", "caricature"),
            "photo/2.jpg": ("", ""),
            "other/ann/3.jpg": ("", ""),
        },
    ),
    "cavi": (
        [
            "CaVI_Dataset/Real/Ann/1.JPG",
            "CaVI_Dataset/Caricature/Ann/1.jpg",
            "CaVI_Dataset/Real/Ann/Bob/2.jpg",
            "train-test-files/validation.txt",
        ],
        {
            "CaVI_Dataset/Real/Ann/1.JPG": ("Ann", "photo"),
            "CaVI_Dataset/Caricature/Ann/1.jpg": ("Ann", "caricature"),
            "CaVI_Dataset/Real/Ann/Bob/2.jpg": ("", ""),
        },
    ),
    "webcaricature": (
        [
            "OriginalImages/Ann Lee/C00001.jpg",
            "OriginalImages/Ann Lee/P00001.jpg",
            "OriginalImages/Ann Lee/Thumbs.db",
            "FacialPoints/Ann Lee/C00001.txt",
        ],
        {
            "OriginalImages/Ann Lee/C00001.jpg": ("Ann Lee", "caricature"),
            "OriginalImages/Ann Lee/P00001.jpg": ("Ann Lee", "photo"),
            "OriginalImages/Ann Lee/Thumbs.db": ("", ""),
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_layout_is_found_and_places_its_files(tmp_path: Path, name: str):
    """Found by itself; people and modalities from the place; files without a place say so."""
    names, places = CASES[name]
    touch(tmp_path, *names)
    layout = find_layout(tmp_path)
    assert layout.name == name
    entries = list_entries(tmp_path, layout)
    assert {e.path: (e.identity, e.modality) for e in entries} == places
    for entry in entries:
        assert bool(entry.refused) == (entry.identity == "")


def test_webcaricature_s_landmarks_lie_beside_its_images():
    """By the image's name without its ending."""
    landmarks = LAYOUTS["webcaricature"].landmarks
    assert landmarks is not None
    assert landmarks("OriginalImages/Ann Lee/C00001.jpg") == "FacialPoints/Ann Lee/C00001.txt"


def test_a_layout_that_does_not_fit_is_refused(tmp_path: Path):
    """As is a folder that is not there."""
    with pytest.raises(AlignError, match="not in the layout cavi, RAW/CaVI_Dataset"):
        find_layout(touch(tmp_path, "ann/1.jpg"), "cavi")
    with pytest.raises(AlignError, match="no such folder"):
        find_layout(tmp_path / "none")


def test_links_are_followed_but_not_in_circles(tmp_path: Path):
    """Links to files and folders are taken; one to a folder above itself is a row that says so."""
    elsewhere = touch(tmp_path / "elsewhere", "2.jpg")
    raw = touch(tmp_path / "raw", "ann/1.jpg")
    (raw / "bob").symlink_to(elsewhere)
    (raw / "ann" / "3.jpg").symlink_to(elsewhere / "2.jpg")
    (raw / "ann" / "up").symlink_to(raw)
    entries = {e.path: e for e in list_entries(raw, find_layout(raw))}
    assert set(entries) == {"ann/1.jpg", "ann/3.jpg", "ann/up", "bob/2.jpg"}
    assert entries["bob/2.jpg"].identity == "bob"
    assert entries["ann/up"].refused == "link to a folder that is read elsewhere"


def test_a_folder_that_cannot_be_read_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The rest is listed all the same."""
    touch(tmp_path, "ann/1.jpg", "bob/1.jpg")
    scandir = os.scandir

    def locked(path: str):
        if str(path).endswith("ann"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", locked)
        entries = {e.path: e.refused for e in list_entries(tmp_path, find_layout(tmp_path))}
    assert entries == {"ann": "folder cannot be read (Permission denied)", "bob/1.jpg": ""}


def test_names_that_are_not_utf_8_are_kept(tmp_path: Path):
    """Their bytes come back."""
    folder = tmp_path / "ann"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.jpg")).touch()
    (entry,) = list_entries(tmp_path, find_layout(tmp_path))
    assert os.fsencode(entry.path) == b"ann/\xff.jpg"
