"""Atomic writes and the cache folder."""

import errno
import fcntl
import os
import tempfile
from pathlib import Path

import pytest
from filelock import Timeout

from cari_keras.errors import ConfigError
from cari_keras.files import (
    atomic_path,
    cache_place,
    lock_file,
    sha256_of_file,
    usable_cache,
    user_cache_dir,
    user_path,
    write_json,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("one", "two"):
        with atomic_path(tmp_path / "d") as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["two"]


@pytest.mark.parametrize("name", [".", "./", "..", "sub", "/"])
def test_a_folder_in_a_file_s_place_keeps_what_it_holds(name, tmp_path, monkeypatch):
    (tmp_path / "here" / "sub").mkdir(parents=True)
    (tmp_path / "here" / "sub" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(IsADirectoryError) as caught:
        write_text(Path(name), "text")
    assert caught.value.filename == str(Path(name))
    left = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))]
    assert left == ["here", "here/sub", "here/sub/mine.txt"]


def test_a_place_that_cannot_be_written_is_named_and_no_temporary_one(tmp_path, monkeypatch):
    def refused(prefix, dir):
        raise PermissionError(errno.EACCES, "Permission denied", f"{dir}/{prefix}xyz")

    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    with pytest.raises(PermissionError) as caught:
        write_text(tmp_path / "a.txt", "text")
    assert caught.value.filename == str(tmp_path / "a.txt")


def test_an_error_without_a_name_gets_the_file_s(tmp_path):
    def fill() -> None:
        with atomic_path(tmp_path / "a.txt"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        fill()
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_write_json_and_hash(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"é": 1})
    assert (tmp_path / "new" / "a.json").read_text(encoding="utf-8") == '{\n  "é": 1\n}\n'
    (tmp_path / "abc").write_bytes(b"abc")
    # The test vector of FIPS 180-2.
    assert sha256_of_file(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CARI_KERAS_CACHE", str(tmp_path))
    assert user_cache_dir() == tmp_path
    monkeypatch.delenv("CARI_KERAS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert user_cache_dir() == tmp_path / "x" / "cari_keras"


def test_a_lock_is_one_process_s_and_told_where_it_cannot_be(tmp_path, monkeypatch):
    held = lock_file(tmp_path / "lock", wait=False)
    with pytest.raises(Timeout):
        lock_file(tmp_path / "lock", wait=False)
    held.release()
    lock_file(tmp_path / "lock", wait=True).release()

    def refused(*arguments):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OSError, match="cannot be locked") as caught:
        lock_file(tmp_path / "other", wait=False)
    assert caught.value.filename == str(tmp_path / "other")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_a_tilde_is_the_home_folder_and_nothing_else_is_changed(home, tmp_path):
    assert user_path("~/a b") == home / "a b"
    assert user_path(Path("~")) == home
    assert user_path("~root/x") == Path("/root/x")
    for plain in ("a/~/b", "/a", "", "a~", "$HOME/x"):
        assert user_path(plain) == Path(plain)


@pytest.mark.parametrize("given", ["./~/x", "./~root/x", "~nobody-of-that-name/x"])
def test_a_folder_called_so_is_found_however_often_it_is_read(given, home, tmp_path):
    once = user_path(given)
    assert once == tmp_path / given
    assert user_path(once) == user_path(str(once)) == once


def test_without_a_home_a_tilde_is_refused_and_no_folder_of_that_name_made(home, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda text: text)  # as where nobody knows the user
    for name in ("CARI_KERAS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="the home folder ~ is not known"):
        user_path("~/x")
    with pytest.raises(ConfigError, match="name one in CARI_KERAS_CACHE"):
        user_cache_dir()


def test_what_the_environment_and_programs_name_is_read_alike(home, monkeypatch):
    monkeypatch.setenv("CARI_KERAS_CACHE", "~/cache")
    assert user_cache_dir() == cache_place(None, "") == home / "cache"
    assert cache_place("~/other", "kind") == home / "other" / "kind"
    write_text(Path("~/deep/a.txt"), "text")
    assert (home / "deep" / "a.txt").read_text() == "text"


def test_a_cache_that_cannot_be_written_names_the_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="name another folder in CARI_KERAS_CACHE") as caught:
        usable_cache(tmp_path / "file" / "datasets")
    assert str(caught.value).startswith(str(tmp_path / "file" / "datasets"))
    assert list(usable_cache(tmp_path / "new").iterdir()) == []
