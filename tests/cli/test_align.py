"""cari-align as users run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.commands import last_error, run_command
from tests.helpers.faces import write_modalities


def test_help_names_the_layouts_and_the_settings():
    """With examples."""
    result = run_command("align", "--help")
    assert result.returncode == 0
    for text in ("RAW/CaVI_Dataset/{Real,Caricature}", "--margin", "--all-faces", "examples:"):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "out"], "nowhere: no such folder"),
        (["raw", "out", "--layout", "cavi"], "not in the layout cavi"),
        (["raw", "raw/out"], "crops would be taken for raw pictures"),
        (["raw", "out", "--margin", "-3"], "margin must be in"),
        (["raw", "out", "--workers", "0"], "--workers must be at least 1"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], message: str):
    """Before anything is loaded or written."""
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    result = run_command("align", *arguments, cwd=tmp_path)
    assert message in last_error(result)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_face_is_said(tmp_path: Path):
    """After the table, with the remedy: a file of text and one that lies in nobody's folder."""
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    for name in ("notes.jpg", "ann/notes.jpg"):
        (tmp_path / "raw" / name).write_text("no picture")
    result = run_command("align", "raw", "aligned", "--quiet", cwd=tmp_path)
    assert "raw: no usable face in any file; aligned/manifest.csv has the reason" in last_error(
        result
    )
    assert "elsewhere: 1 rejected: not in an identity's folder" in result.stdout
    assert "precision" not in result.stdout
    rejected = (tmp_path / "aligned" / "manifest.csv").read_text().splitlines()[1:]
    assert [line.split(",")[3] for line in rejected] == ["rejected", "rejected"]


@pytest.mark.slow
def test_align_then_train(tmp_path: Path):
    """The two commands, one after the other, on drawn faces."""
    write_modalities(tmp_path / "raw", people=2, images=4)
    done = run_command("align", "raw", "aligned", "--image-size", "96", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Faces of 2 people" in done.stdout
    assert "100.0 %" in done.stdout
    assert "precision: on CaVI's drawings" in done.stdout
    assert not done.stderr
    small = [
        "--pretrained",
        "none",
        "--image-size",
        "80",
        "--batch-size",
        "4",
        "--epochs",
        "1",
        "--embedding-size",
        "8",
    ]
    done = run_command(
        "train", "--dataset", "folder", "--data-dir", "aligned", *small, "--quiet", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Validation, in percent" in done.stdout
