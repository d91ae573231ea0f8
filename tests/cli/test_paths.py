"""Every path that a user may give, by flag, setting or argument, is read in one way."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

import cari_keras
from cari_keras.align.config import AlignConfig
from cari_keras.align.engine import align_folder
from cari_keras.cli import flags
from cari_keras.cli.parser import Parser
from cari_keras.config import Config
from cari_keras.data import folder
from cari_keras.data.given import load_images, read_pair_list
from cari_keras.errors import CariError
from cari_keras.files import write_json
from cari_keras.history import read_metrics
from cari_keras.images.encode import write_png
from cari_keras.saved import read_config
from cari_keras.sections import SECTIONS
from cari_keras.serving.faces import Faces
from cari_keras.settings import settings

PROGRAMS = (
    *("align", "compare", "evaluate", "export", "identify"),
    *("pretrained", "search", "train", "verify"),
)

#: What the help calls a path.
PATHS = ("RAW", "ALIGNED", "DIR", "RUN", "FILE", "PNG", "GALLERY")

#: Settings that are paths, and flags of several commands.
SETTINGS = ("data_dir", "cache_dir", "pretrained", "output")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def parser_of(program, monkeypatch):
    """A command's, with all its flags."""
    found = []

    def stop(parser, *_):
        found.append(parser)
        raise SystemExit

    monkeypatch.setattr(Parser, "parse_args", stop)
    with pytest.raises(SystemExit):
        importlib.import_module(f"cari_keras.cli.{program}")._main([])
    return found[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_flag_that_takes_a_path_knows_the_home_folder(program, home, monkeypatch):
    parser = parser_of(program, monkeypatch)
    actions = parser._actions
    # A setting's value is made a path where the configuration takes it.
    given = [action for action in actions if action.dest not in parser.items]
    paths = [action for action in given if action.metavar in PATHS]
    assert paths or program == "compare"
    for action in paths:
        assert str(action.type("~/x")) == str(home / "x"), action.dest
    for action in actions:
        if action.dest in SETTINGS and action not in paths:
            config = Config().with_values({action.dest: "~/x"})
            assert str(home / "x") in flags.config_flags(config), action.dest


def test_settings_that_are_paths_know_it_wherever_they_come_from(home):
    known = [item.name for section in SECTIONS.values() for item in settings(section)]
    assert set(SETTINGS) < set(known)
    for name in SETTINGS:
        for given in ("~/x", Path("~/x")):
            changed = Config().with_values({name: given})
            section = next(s for s in SECTIONS if hasattr(getattr(changed, s), name))
            assert getattr(getattr(changed, section), name) == str(home / "x")
    assert Config.from_dict({"data": {"data_dir": "~/x"}}).data.data_dir == str(home / "x")
    assert Config().with_values({"pretrained": "facenet"}).model.pretrained == "facenet"
    assert Config().with_values({"dataset": "folder"}).data.dataset == "folder"


def test_functions_that_take_a_path_know_it(home):
    picture = np.full((96, 96, 3), 128, np.uint8)
    for name in ("photo/ann/1", "caricature/ann/2", "photo/bob/1", "caricature/bob/2"):
        write_png(picture, Path("~/raw") / f"{name}.png")
    assert (home / "raw/photo/ann/1.png").is_file()
    assert Faces(80)("~/raw/photo/ann/1.png", "photo").shape == (80, 80, 3)
    (home / "pairs.csv").write_text("a,b,1\n")
    assert len(read_pair_list(Path("~/pairs.csv")).pairs) == 1
    assert load_images(Path("~/raw")).strangers == ("ann", "bob")
    assert folder.load("~/raw").identities == ("ann", "bob")
    write_json(Path("~/run/config.json"), Config().to_dict())
    assert read_config(Path("~/run")) == Config()
    assert read_metrics(Path("~/run")) == []
    with pytest.raises(CariError, match=str(home / "nowhere")):
        cari_keras.load_model("~/nowhere")
    with pytest.raises(CariError, match=str(home / "nowhere")):
        align_folder(Path("~/nowhere"), Path("~/out"), AlignConfig())
