"""README: every command as printed, on small data; its length. Then the snippets of docs/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.cavi import write_cavi
from tests.helpers.commands import run_python
from tests.helpers.docs import PAGES, blocks
from tests.helpers.faces import face, write, write_modalities
from tests.helpers.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")

#: The lines of the shell, without their remarks.
COMMANDS = [
    command
    for block in blocks(ROOT / "README.md")
    if not block.kind and not block.skipped
    for command in block.commands()
]

#: What is run in Python: page -> its snippets.
SNIPPETS = {
    page: [b.text for b in blocks(page) if b.kind == "python" and not b.skipped] for page in PAGES
}


def test_it_is_short():
    assert README.count("\n") <= 150


def test_the_two_commands_are_run_by_the_gate():
    """They set everything up, which a test cannot; the demo with fewer people and epochs."""
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    shorter = {"./scripts/demo": "./scripts/demo --epochs 1 --demo-identities 8"}
    for command in (c for c in COMMANDS if c.startswith("./scripts/")):
        assert shorter.get(command, command) in gate, command


@pytest.fixture
def place(facenet, tmp_path):
    """Where README's reader is: the environment, some pictures, some people, CaVI."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    write(tmp_path / "photo.jpg", face("photo", 0, 0))
    write(tmp_path / "another.jpg", face("photo", 0, 1))
    write(tmp_path / "drawing.jpg", face("caricature", 0, 0))
    for person in range(3):
        write(tmp_path / "pictures" / f"person {person}" / "a.png", face("photo", person, 2))
    write_modalities(tmp_path / "raw", people=3, images=4)
    write_cavi(tmp_path / "CAVI", with_test=True)
    return tmp_path


@pytest.mark.slow
def test_every_command_does_what_it_says(place):
    """One after the other, as a reader would type them; then the lines of Python.

    Only the trainings are cut short: the pictures are a dozen, and what is learned does not matter.
    """
    printed = {}
    for command in (c for c in COMMANDS if not c.startswith("./scripts/")):
        shorter = " --epochs 3" if "cari-train " in command else ""
        result = subprocess.run(
            ["bash", "-c", command + shorter],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr, command
        printed[command.removeprefix(".venv/bin/")] = result.stdout

    same_photo = printed["cari-verify photo.jpg another.jpg --modality photo"]
    assert "measured on pairs of two photos of " in same_photo
    across = printed["cari-verify photo.jpg drawing.jpg"]
    assert "measured on pairs of a photo and a drawing of " in across
    for answer in (same_photo, across):
        assert "had not seen them" in answer
    assert (place / "nearest.png").is_file()
    trained = next(out for name, out in printed.items() if "--dataset folder" in name)
    assert "recipe: from the public FaceNet weights; 3 people, 18 training images" in trained
    assert "batches of 8 (18 pictures)" in trained
    assert "(aligned faces with a margin of 0.6)" in trained
    assert "Validation, in percent" in trained
    assert "%  person " in printed["cari-identify runs/mine drawing.jpg --modality caricature"]
    found = printed["cari-search runs/mine raw/photo/ drawing.jpg --modality caricature"]
    assert len(found.splitlines()) == 8
    assert list((place / "runs" / "cavi" / "evaluation").rglob("report.html"))
    assert (place / "saved_models" / "docker-compose.yml").is_file()

    (python,) = SNIPPETS[ROOT / "README.md"]
    result = run_python("-c", python, cwd=place)
    assert result.returncode == 0, result.stderr
    verified, identified, embedded = result.stdout.splitlines()
    assert verified in ("True", "False", "None")
    assert identified.startswith("[Candidate(identity='person ")
    assert embedded == "(2, 128)"

    others = [text for page, texts in SNIPPETS.items() if page.parent != ROOT for text in texts]
    assert len(others) >= 3
    result = run_python("-c", "\n".join(others), cwd=place)
    assert result.returncode == 0, result.stderr
