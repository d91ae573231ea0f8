"""Where the network that comes with the package is looked for, and what is said of its licence."""

import pytest

from cari_keras import shipped
from cari_keras.errors import CheckpointError
from cari_keras.files import CACHE_VARIABLE
from cari_keras.saved import CONFIG


@pytest.fixture
def places(tmp_path, monkeypatch):
    found = (tmp_path / "package" / "saved_models", tmp_path / "saved_models")
    monkeypatch.setattr(shipped, "_PLACES", found)
    return found


def put(place):
    (place / shipped.SHIPPED).mkdir(parents=True)
    (place / shipped.SHIPPED / CONFIG).write_text("{}")


def test_a_wheel_holds_it_and_a_checkout_has_it_beside_the_package(places):
    inside, beside = places
    put(beside)
    assert shipped.shipped_run() == beside / shipped.SHIPPED
    put(inside)
    assert shipped.shipped_run() == inside / shipped.SHIPPED


def test_a_copy_without_it_says_so(places):
    with pytest.raises(CheckpointError, match=r"has no network of its own.*facenet"):
        shipped.shipped_run()


def test_the_licence_is_told_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    shipped.tell_licence()
    said = capsys.readouterr()
    assert said.err == f"cari_keras: {shipped.LICENCE}\n"
    assert not said.out
    shipped.tell_licence()
    assert not capsys.readouterr().err


def test_without_a_cache_the_licence_is_told_every_time(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    for _ in range(2):
        shipped.tell_licence()
        assert shipped.LICENCE in capsys.readouterr().err
