"""Aligning in one call of Python: what the command does."""

import inspect

import pytest

import cari_keras
import cari_keras.align.engine as engine
from cari_keras.align.counts import FolderCounts
from cari_keras.errors import AlignError, ConfigError
from tests.helpers.commands import run_command, run_python
from tests.helpers.faces import write_modalities


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"margins": 0.3}, "unknown setting 'margins'; did you mean margin?"),
        ({"quiet": True}, "unknown setting 'quiet'"),
        ({"margin": "wide"}, "margin must be of type float. Received: 'wide'"),
        ({"margin": -3}, r"margin must be in \[0, 10\]. Received: -3"),
        ({"layout": "tree"}, "layout must be one of auto, .* Received: 'tree'"),
        ({"workers": 0}, "workers must be a whole number from 1. Received: 0"),
        ({"workers": 1.5}, "workers must be a whole number from 1. Received: 1.5"),
        ({"overwrite": "no"}, "overwrite must be True or False. Received: 'no'"),
        ({"progress": 1}, "progress must be True or False. Received: 1"),
        ({"engine": "spark"}, "engine must be one of local, beam. Received: 'spark'"),
    ],
)
def test_mistakes_are_one_line(given, message, tmp_path):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    with pytest.raises(ConfigError, match=message):
        cari_keras.align(tmp_path / "raw", tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_the_package_is_a_function_and_a_package():
    assert inspect.ismodule(cari_keras.align)
    assert cari_keras.align.engine is engine
    assert callable(cari_keras.align)


@pytest.mark.slow
def test_a_folder_without_a_face_is_said(tmp_path):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    (tmp_path / "raw" / "ann" / "notes.jpg").write_text("no picture")
    with pytest.raises(
        AlignError, match=r"raw: no usable face in any file; .*out/manifest.csv has the reason"
    ):
        cari_keras.align(tmp_path / "raw", tmp_path / "out", progress=False)
    with pytest.raises(AlignError, match="nowhere: no such folder"):
        cari_keras.align(tmp_path / "nowhere", tmp_path / "out")


def test_counts_are_a_line_and_a_card():
    counts = FolderCounts(
        {
            "photo": {"files": 3, "faces": 2, "rejected: no <face>": 1},
            "elsewhere": {"files": 1, "rejected: no <face>": 1},
        },
        2,
        ["a note"],
    )
    assert str(counts) == "2 faces of 2 people in 4 files; 2 files rejected"
    html = counts._repr_html_()
    assert "2 rejected: no &lt;face&gt;" in html
    assert "a note" in html


PROGRAM = """
import cari_keras
from cari_keras.errors import ConfigError
try:
    print(cari_keras.align("raw", "out", progress=False))
except ConfigError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_program_without_its_guard_is_told_of_it(tmp_path):
    """Its workers would run its file again; no picture is taken for what ended them."""
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    (tmp_path / "raw" / "ann" / "a.jpg").write_text("no picture")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = run_python("program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *_, line = done.stdout.splitlines()
    assert 'in a file, below `if __name__ == "__main__":`' in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_function_aligns_what_the_command_aligns(tmp_path, capfd):
    """A function's folder is up to date for the command, which says the same of it."""
    write_modalities(tmp_path / "raw", people=2, images=2)
    counts = cari_keras.align(
        str(tmp_path / "raw"), tmp_path / "out", image_size=96, workers=1, progress=False
    )
    assert capfd.readouterr().out == ""
    assert str(counts) == "8 faces of 2 people in 8 files"
    written = (tmp_path / "out" / "dataset.json").stat().st_mtime_ns
    done = run_command("align", "raw", "out", "--image-size", "96", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(counts.table())
    assert (tmp_path / "out" / "dataset.json").stat().st_mtime_ns == written
    again = cari_keras.align(tmp_path / "raw", tmp_path / "out", image_size=96, progress=False)
    assert again == counts
    with pytest.raises(AlignError, match="was made with image_size 96, not 80"):
        cari_keras.align(tmp_path / "raw", tmp_path / "out", image_size=80)
