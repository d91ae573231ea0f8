"""cari-gallery: its actions in turn, and mistakes in one line."""

from __future__ import annotations

import json

import pytest

from cari_keras.cli import gallery as command
from cari_keras.cli import gallery_flags
from cari_keras.cli.gallery import ACTIONS
from cari_keras.images.decode import decode_image
from tests.helpers.galleries import SmallModel, picture, write_people

pytest.importorskip("lancedb")


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command by a small network; gives its status, its output and its errors."""
    monkeypatch.setattr(gallery_flags, "load_tensorflow", lambda: None)
    monkeypatch.setattr(
        gallery_flags, "load_model", lambda path, align: SmallModel(0 if path is None else 1)
    )

    def run(*words):
        status = command.main([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_actions_in_turn(run, tmp_path):
    faces, place = write_people(tmp_path / "faces", people=12), tmp_path / "g"
    (faces / "photo" / "person 0" / "broken.png").write_bytes(b"no")
    status, out, err = run("add", place, faces, "--quiet")
    assert (status, out) == (
        0,
        "pictures: 73 new, 0 changed, 0 gone, 0 unchanged; 72 faces in the gallery\n",
    )
    assert err.startswith("cari-gallery: left out: ")
    assert "Next: " in run("add", place, faces)[1]
    _, out, _ = run("list", place, "--only-identity", "person 3", "--only-modality", "photo")
    assert out.splitlines()[0] == f"photo       person 3  {faces}/photo/person 3/0.png"
    assert len(out.splitlines()) == 3

    query = faces / "caricature" / "person 5" / "1.png"
    sheet = tmp_path / "found.png"
    asked = ("search", place, query, "--modality", "caricature", "--top", "2")
    status, out, _ = run(*asked, "--picture", sheet)
    assert status == 0
    assert len(out.splitlines()) == 3
    assert str(query) not in out.splitlines()[1]
    assert decode_image(sheet.read_bytes()).shape[1] == 3 * 270 + 10
    _, out, _ = run(*asked, "--include-query", "--json")
    first = json.loads(out.splitlines()[0])
    assert (first["path"], first["identity"]) == (str(query), "person 5")
    assert first["distance"] == pytest.approx(0, abs=1e-6)

    unknown = picture(tmp_path / "unknown.png", 5, 99)
    status, out, err = run("identify", place, unknown, tmp_path / "no.png", "--fpir", "0.3")
    assert status == 2
    assert out.startswith(f"{unknown}: person 5\n")
    assert "for 12 people; " in out
    assert "of strangers' faces" in out
    assert err.count("cari-gallery: error: ") == 1
    _, out, _ = run("identify", place, unknown, "--threshold", "0", "--json", "--all-faces")
    assert json.loads(out)["identity"] is None

    run("add", place, write_people(tmp_path / "heap", people=3), "--people", "none", "--quiet")
    sheets = tmp_path / "sheets"
    status, out, err = run("group", place, "--sheets", sheets)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1].endswith("groups of 18 faces; 0 faces in no group")
    assert "group 1: person " in out
    assert list(sheets.glob("group-0001-person_*.png"))
    _, out, _ = run("group", place, "--json")
    assert {json.loads(line)["group"] for line in out.splitlines()} >= {0, 1}

    assert "9 faces removed" in run("remove", place, "--only-folder", tmp_path / "heap/photo")[1]
    status, out, _ = run("export", place, tmp_path / "out.csv")
    assert out == f"81 faces written to {tmp_path / 'out.csv'}\n"
    _, out, _ = run("update", place, "--network", "--model", "other", "--quiet")
    assert "81 faces in the gallery" in out
    status, _, err = run("add", place, faces, "--quiet")
    assert status == 2
    assert "made by another network (network 1" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["remove", "g"], "name the faces with --only-..., or give --all without them"),
        (["remove", "g", "--all", "--only-identity", "x"], "or give --all without them"),
        (["update", "g"], "or give --network without folders"),
        (["list", "nowhere"], "nowhere: no such gallery; make one with cari-gallery add"),
        (["export", "nowhere", "x.csv"], "nowhere: no such gallery"),
        (["add", "g", "nowhere"], "nowhere: no such file or folder"),
        (["add", "g", "x", "--workers", "2"], "--workers and Beam's options need --engine beam"),
        (["add", "g", "x", "--", "--runner=X"], "Beam's options need --engine beam"),
        (["update", "g", "--network", "--engine", "beam"], "leave --engine beam out"),
        (
            ["identify", "g", "a.png", "--fpir", "1", "--threshold", "1"],
            "--fpir and --threshold do not go together",
        ),
    ],
)
def test_mistakes_are_one_line(words, said, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("cari-gallery: error: ")
    assert said in line
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_of_an_action_fits_a_screen(action, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([action, "--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"usage: cari-gallery {action} [options] GALLERY")
