"""Drawing does not depend on the user's Matplotlib, and writes names in any script."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest

from cari_keras.evaluation import drawing
from cari_keras.evaluation.drawing import own_style, save, svg_of, written
from cari_keras.evaluation.report.people import plot_confusions
from tests.helpers.places import ROOT

#: What notebooks, and people with a taste of their own, have set.
OTHERS = {
    "figure.dpi": 30,
    "figure.facecolor": "black",
    "savefig.dpi": 40,
    "savefig.transparent": True,
    "savefig.bbox": "tight",
    "font.family": ["serif"],
    "font.size": 30,
    "text.usetex": True,
    "axes.prop_cycle": matplotlib.cycler(color=["red"]),
    "axes.grid": True,
    "lines.linewidth": 9,
    "image.cmap": "hot",
    "svg.fonttype": "none",
    "path.sketch": (1, 100, 2),
    "axes.unicode_minus": False,
}

NAMES = [
    "Ann",
    "张三",
    "李四",
    "محمد",
    "हिन्दी",
    "😀",
    "a$b$c",
    "tab\there",
    "two\nlines",
    "x\udce9",
]


def confusions():
    return plot_confusions(np.eye(len(NAMES), dtype=int), NAMES, "title")


def test_pictures_do_not_depend_on_the_user_s_settings(tmp_path):
    expected = svg_of(confusions())
    save(confusions(), tmp_path / "expected.png")
    with matplotlib.rc_context(OTHERS):
        before = dict(matplotlib.rcParams)
        figure = confusions()
        assert svg_of(figure) == expected
        save(confusions(), tmp_path / "found.png")
        assert dict(matplotlib.rcParams) == before, "the user's own settings stay"
    assert (tmp_path / "found.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_names_in_all_scripts_are_drawn_without_a_word(tmp_path, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(confusions(), tmp_path / "names.png")
        svg_of(confusions())
    assert not caplog.records
    with own_style():
        shown = written(NAMES)
    assert len(set(shown)) == len(NAMES), "names that differ are told apart"
    assert shown[0] == "Ann"
    assert shown[6:] == [r"a\$b\$c", r"tab\there", r"two\nlines", r"x\udce9"]


def test_a_font_of_the_machine_stands_in_and_what_none_has_is_shown_as_its_code(monkeypatch):
    letters = {"DejaVu Sans": "Aa", "Other": "张", "Unneeded": "A", "Coloured": ""}
    monkeypatch.setattr(drawing, "_letters_of", lambda name: frozenset(map(ord, letters[name])))
    fonts = [matplotlib.font_manager.FontEntry(name=name) for name in letters]
    monkeypatch.setattr(matplotlib.font_manager.fontManager, "ttflist", fonts)
    with own_style():
        assert written(["Aa张", "三"]) == ["Aa张", r"\u4e09"]
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "Other"]
    with own_style():
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans"]


DRAW = """
import logging, sys
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # as programs have it
from pathlib import Path
from cari_keras.evaluation.drawing import Figure, own_style, save
with own_style():
    figure = Figure()
    figure.subplots().plot([0, 1], [0, 1])
save(figure, Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("drawn"))


def draw(folder, **environment):
    """A picture as a process draws it in a folder, with an environment."""
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(folder / "a.png")],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (folder / "a.png").read_bytes()


@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", "no-such-backend", "TkAgg"]
)
def test_a_backend_of_another_python_ends_nothing(backend, drawn, tmp_path):
    assert draw(tmp_path, MPLBACKEND=backend) == drawn


@pytest.mark.parametrize("named", [True, False])
def test_a_user_s_file_of_settings_changes_nothing(named, drawn, tmp_path):
    lines = "figure.figsize: 1, 1\ntext.usetex: True\nno.such: 1\nbackend: no-such-backend\n"
    (tmp_path / "matplotlibrc").write_text(lines)
    if named:
        (tmp_path / "matplotlibrc").rename(tmp_path / "mine")
    environment = {"MATPLOTLIBRC": str(tmp_path / "mine")} if named else {}
    assert draw(tmp_path, **environment) == drawn


def test_a_damaged_file_of_settings_or_a_folder_that_cannot_be_written_ends_nothing(
    drawn, tmp_path
):
    (tmp_path / "mine").write_bytes(b"font.family: \xff\xfe\n")
    environment = {"MATPLOTLIBRC": str(tmp_path / "mine"), "MPLCONFIGDIR": "/proc/nowhere"}
    assert draw(tmp_path, **environment) == drawn
