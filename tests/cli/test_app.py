"""cari-app: its flags, and what it says before there is a page."""

import sys

import pytest

from cari_keras.cli import app as command


def test_help_and_mistakes_in_the_flags(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--gallery DIR" in said
    assert "cari-app facenet --port 8000" in said
    for port in ("0", "65536", "x", "²"):
        with pytest.raises(SystemExit) as ended:
            command.main(["--port", port])
        assert ended.value.code == 2
        assert "must be from 1 to 65535" in capsys.readouterr().err


def test_without_gradio_it_says_what_to_install(monkeypatch, capsys):
    """And does so before it loads a network."""
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setattr(command, "open_given", lambda given: pytest.fail("loaded"))
    assert command.main([]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("cari-app: error: the page needs Gradio")
    assert error.endswith("pip install 'cari_keras[app]'")
    assert "\n" not in error
