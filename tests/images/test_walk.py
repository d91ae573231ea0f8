"""Every file below a folder: each real folder once, regular files alone, all else with a reason."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from cari_keras.images.walk import files_of, pictures, walk
from tests.helpers.pictures import write_image


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def walked(root: Path) -> dict[str, str]:
    found = list(walk(str(root)))
    shown = {os.path.relpath(path, root): reason for path, reason in found}
    assert len(shown) == len(found), "a path comes twice"
    return shown


def test_folders_that_link_to_each_other_are_each_read_once(tmp_path: Path):
    """Under their own names: ten of them would be millions of paths otherwise."""
    names = [f"p{i}" for i in range(10)]
    touch(tmp_path, *(f"{name}/a.jpg" for name in names))
    for name in names:
        for other in names:
            (tmp_path / name / f"like_{other}").symlink_to(tmp_path / other)
    found = walked(tmp_path)
    assert {path for path, reason in found.items() if not reason} == {f"{n}/a.jpg" for n in names}
    assert sum(r == "link to a folder that is read elsewhere" for r in found.values()) == 100


def test_a_real_folder_is_read_by_its_own_name_whatever_links_come_first(tmp_path: Path):
    touch(tmp_path, "zoe/1.jpg")
    (tmp_path / "ann").symlink_to(tmp_path / "zoe")
    assert walked(tmp_path) == {"zoe/1.jpg": "", "ann": "link to a folder that is read elsewhere"}


def test_a_folder_too_deep_for_the_system_is_told_as_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for _ in range(25):  # more than a path may have letters
        Path("x" * 200).mkdir()
        os.chdir("x" * 200)
    (reason,) = walked(tmp_path).values()
    assert reason == "folder cannot be read (File name too long)"


def test_nothing_but_regular_files_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    touch(tmp_path, "ann/1.jpg")
    os.mkfifo(tmp_path / "ann" / "p.jpg")
    os.mkfifo(tmp_path / "ann" / "pipe")
    (tmp_path / "ann" / "link.jpg").symlink_to(tmp_path / "ann" / "p.jpg")
    (tmp_path / "ann" / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "ann" / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "ann" / "self.jpg").symlink_to("self.jpg")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("ann/s.png")
    assert walked(tmp_path) == {
        "ann/1.jpg": "",
        "ann/p.jpg": "not a regular file (a named pipe)",
        "ann/pipe": "not a regular file (a named pipe)",
        "ann/link.jpg": "not a regular file (a named pipe)",
        "ann/zero.jpg": "not a regular file (a device)",
        "ann/s.png": "not a regular file (a socket)",
        "ann/gone.jpg": "broken link",
        "ann/self.jpg": "broken link",
    }
    found = pictures(tmp_path)
    assert [path.name for path in found.paths] == ["1.jpg"]
    assert found.counts() == {"broken links, left out": 2, "pipes, sockets or devices, left out": 5}
    assert found.lines()[0] == f"2 broken links, left out; the first is {tmp_path}/ann/gone.jpg"


SYSTEMS = [
    *("ann/.ipynb_checkpoints/1.jpg", "ann/@eaDir/1.jpg/THUMB.jpg", "__MACOSX/ann/._1.jpg"),
    *(".thumbnails/1.png", ".git/HEAD", "lost+found/x", "$RECYCLE.BIN/S-1/1.jpg", "#recycle/1.jpg"),
    *("ann/.DS_Store", "ann/Thumbs.db", "ann/desktop.ini", "ann/._1.jpg", "ann/.hidden.jpg"),
    *("System Volume Information/1.jpg", "ann/1.jpg@SynoEAStream", ".Trash-1000/files/1.jpg"),
]


def test_what_systems_leave_anywhere_is_left_out_and_counted(tmp_path: Path):
    touch(tmp_path, "ann/1.jpg", "@ann/1.jpg", "Thumbs/1.jpg", *SYSTEMS)
    found = walked(tmp_path)
    kept = {path for path, reason in found.items() if not reason}
    assert kept == {"ann/1.jpg", "@ann/1.jpg", "Thumbs/1.jpg"}
    reasons = {reason for reason in found.values() if reason}
    assert reasons == {"a system's own file", "a system's own folder"}
    assert [path.as_posix() for path in files_of(tmp_path)] == sorted(kept)


def test_a_walk_may_begin_in_a_folder_of_any_name(tmp_path: Path):
    assert list(walked(touch(tmp_path / ".cache" / "faces", "1.jpg")).values()) == [""]


def test_content_decides_where_the_name_does_not(tmp_path: Path):
    write_image(tmp_path / "sound.jpg", (90, 90, 90))
    write_image(tmp_path / "sound.png", (90, 90, 90))
    for name in ("a.jfif", "b.jpe", "c", "d.old", "e.jpg.1", "f.JPG"):
        (tmp_path / name).write_bytes((tmp_path / "sound.jpg").read_bytes())
    (tmp_path / "g.txt").write_bytes((tmp_path / "sound.png").read_bytes())
    for name in ("note.txt", "note", "film.mp4", "P1 of 3"):
        (tmp_path / name).write_text("P1 of all")
    (tmp_path / "h.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 20)
    (tmp_path / "i").write_bytes(b"\0\0\0\x18ftypavif" + b"\0" * 20)
    found = pictures(tmp_path)
    names = ["a.jfif", "b.jpe", "c", "d.old", "e.jpg.1", "f.JPG", "g.txt", "h.heic", "i"]
    assert [path.name for path in found.paths] == [*names, "sound.jpg", "sound.png"]
    assert found.counts() == {"files that are not images, left out": 4}
