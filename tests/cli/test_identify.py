"""cari-identify: what it prints of several images."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from cari_keras.cli import identify as command
from cari_keras.errors import ImageError
from cari_keras.serving.answers import Candidate, Identification


def _model(lacks=""):
    def face(path, modality):
        if path == "broken.jpg":
            raise ImageError("broken.jpg: empty file")
        return np.zeros((8, 8, 3), np.uint8)

    return SimpleNamespace(
        face=face,
        lacks=lacks,
        check_identifies=lambda modality: None,
        identify_faces=lambda faces, modality: [Identification([Candidate("Ann", 0.5)])],
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_one_broken_file_leaves_the_others_their_answers(as_json, monkeypatch, capsys):
    monkeypatch.setattr(command, "open_given", lambda given: _model())
    flags = ["--json"] if as_json else []
    assert command.main(["run", "a.jpg", "broken.jpg", "b.jpg", *flags]) == 2
    printed = capsys.readouterr()
    assert printed.err == "cari-identify: error: broken.jpg: empty file\n"
    if as_json:
        named = [json.loads(line)["image"] for line in printed.out.splitlines()]
    else:
        named = printed.out.splitlines()[::2]
    assert named == ["a.jpg", "b.jpg"]
    assert command.main(["run", "a.jpg", "b.jpg", *flags]) == 0


def test_why_nobody_is_unknown_is_told(monkeypatch, capsys):
    monkeypatch.setattr(command, "open_given", lambda given: _model("d: no such folder"))
    assert command.main(["run", "a.jpg"]) == 0
    assert "note: the network calls nobody unknown: d: no such folder" in capsys.readouterr().err
