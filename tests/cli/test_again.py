"""Commands that are printed do what was promised."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cari_keras.cli import align, evaluate, pretrained
from cari_keras.cli.again import (
    command,
    longer_command,
    tell_next,
    tensorboard_command,
    train_command,
)
from cari_keras.cli.evaluate_flags import evaluate_parser
from cari_keras.cli.flags import add_config_flags, asked_config
from cari_keras.cli.parser import Parser
from cari_keras.errors import DatasetError
from cari_keras.presets import PRESETS
from tests.helpers.commands import next_command, run_command
from tests.helpers.faces import write_modalities
from tests.helpers.forked import run_forked
from tests.helpers.runs import SMALL_NETWORK, small_config

#: How the programs are called where no script of theirs was.
MODULE = [sys.executable, "-m", "cari_keras"]


def asked(words):
    """The settings that cari-train is asked for."""
    assert words[:4] == [*MODULE, "train"]
    parser = Parser("cari-train", "", "")
    add_config_flags(parser)
    return asked_config(parser.parse_args(words[4:]))


@pytest.mark.parametrize(
    ("config", "epochs"),
    [
        (small_config(data_dir="/my data/faces"), 8),
        (
            PRESETS["cavi"]().with_values(
                {"data_dir": "/d", "flip": False, "test_crops": (0.8, 1.0)}
            ),
            8,
        ),
        (PRESETS["demo"](), 8),
        (PRESETS["strangers"]().with_values({"data_dir": "/d", "weighting": "equal"}), 8),
        # Half of them are the preset's 20, which half of the preset's epochs would halve again.
        (PRESETS["cavi-facenet"]().with_values({"data_dir": "/d", "frozen_epochs": 40}), 24),
    ],
)
def test_more_epochs_with_the_same_settings(config, epochs):
    run = Path("runs/it's mine")
    expected = {"epochs": epochs, "pretrained": str(run), "output": f"{run}-{epochs}"}
    assert asked(shlex.split(longer_command(run, config, epochs))) == config.with_values(expected)


def test_a_command_names_the_preset_that_needs_the_fewest_flags():
    config = PRESETS["strangers"]().with_values({"data_dir": "/d", "final": True})
    words = shlex.split(train_command(config))
    assert words[words.index("train") + 1 :] == [
        *("--preset", "strangers", "--data-dir", "/d", "--final")
    ]
    assert asked(words) == config
    assert "--preset" not in shlex.split(train_command(PRESETS["cavi"]()))


def test_tensorboard_is_this_environments(tmp_path):
    words = shlex.split(tensorboard_command(tmp_path / "a b"))
    assert words[0] == sys.executable
    assert words[-1] == str(tmp_path / "a b" / "tensorboard")
    found = subprocess.run(
        [*words[:3], "--version"], capture_output=True, text=True, timeout=300, check=False
    )
    assert found.returncode == 0, found.stderr


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Two scripts of an environment that is not on the path."""
    (tmp_path / "my env").mkdir()
    for name in ("cari-train", "cari-evaluate"):
        script = tmp_path / "my env" / name
        script.write_text('#!/bin/sh\nprintf \'%s|\' "$0" "$@"\n')
        script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my env"


@pytest.mark.parametrize("called", ["by its path", "by a relative path", "by its name"])
def test_a_program_is_called_as_the_one_that_names_it_was(called, scripts, monkeypatch):
    """Also where another environment's program of that name is found on the path."""
    place = Path("my env") if called == "by a relative path" else scripts
    monkeypatch.setattr(sys, "argv", [str(place / "cari-train"), "--epochs", "3"])
    on_path = scripts
    if called != "by its name":
        on_path = scripts.parent / "other"
        on_path.mkdir()
        (on_path / "cari-evaluate").write_text("#!/bin/sh\nexit 1\n")
        (on_path / "cari-evaluate").chmod(0o755)
    monkeypatch.setenv("PATH", f"{on_path}{os.pathsep}{os.environ['PATH']}")
    line = command("evaluate", Path("runs/it's $HOME"), "--data-dir", Path("-a b"))
    if called == "by its name":
        assert shlex.split(line)[0] == "cari-evaluate"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    program, *words, end = done.stdout.split("|")
    assert Path(program).samefile(scripts / "cari-evaluate")
    assert (words, end) == (["runs/it's $HOME", "--data-dir", "./-a b"], "")


def test_the_next_command_is_left_out_where_little_is_to_be_said(capsys):
    tell_next("a b")
    tell_next("c d", quiet=True)
    tell_next("e f", file=sys.stderr)
    assert tuple(capsys.readouterr()) == ("Next: a b\n", "Next: e f\n")


SMALL = (
    f"{SMALL_NETWORK} --pretrained none --image-size 80 --batch-size 4 --epochs 1 "
    "--embedding-size 8 --depth paper --frozen-epochs 0 --frozen-stages nothing --workers 1"
)


@pytest.mark.slow
def test_from_pictures_to_a_server_by_the_lines_that_are_printed(tmp_path):
    """Each as it stands, in the same folder; training alone is made short."""
    write_modalities(tmp_path / "raw", people=2, images=4)
    done = run_command("align", "raw", "my faces", "--image-size", "96", cwd=tmp_path)
    words = next_command(done.stdout)
    assert words == [*MODULE, "train", "--dataset", "folder", "--data-dir", "my faces"]
    for name, more in (("train", SMALL.split()), ("evaluate", []), ("export", [])):
        assert words[:4] == [*MODULE, name]
        done = run_forked(*words[2:], *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        words = next_command(done.stdout)
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "evaluation" / "folder-validation" / "results.json").is_file()
    assert words == ["docker", "compose", "-f", "saved_models/docker-compose.yml", "up"]
    assert (tmp_path / words[3]).is_file()


@pytest.mark.slow
def test_one_person_s_faces_are_not_trained_on(tmp_path):
    """There is no next command then."""
    write_modalities(tmp_path / "raw", people=1, images=2)
    done = run_command("align", "raw", "aligned", "--image-size", "96", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "The faces to look at: aligned/contact_sheet.png"


@pytest.mark.parametrize(
    ("layout", "unreadable", "dataset"),
    [
        ("CaVI_Dataset", [], "cavi"),
        ("OriginalImages", [], "webcaricature"),
        ("CaVI_Dataset", ["cavi"], "folder"),  # without its lists
        ("photo/ann", [], "folder"),
        ("ann", ["folder"], ""),
    ],
)
def test_faces_are_named_as_the_dataset_that_reads_them(
    layout, unreadable, dataset, tmp_path, monkeypatch
):
    (tmp_path / "raw" / layout).mkdir(parents=True)

    def load(config):
        assert config.data.data_dir == "aligned"
        if config.data.dataset in unreadable:
            raise DatasetError("no lists")

    monkeypatch.setattr("cari_keras.data.registry.load_dataset", load)
    assert align._trains_as(tmp_path / "raw", Path("aligned"), "auto") == dataset


def given(run, **values):
    """Flags of cari-evaluate."""
    names = dict.fromkeys(("thresholds_of", "data_dir", "dataset"))
    return argparse.Namespace(run=str(run), **{**names, **values})


def write_run(run, config):
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(config.to_dict()))
    return config


@pytest.mark.parametrize("pretrained", [None, "facenet"])
def test_behind_a_trial_on_strangers_everybody_is_trained_on(pretrained, tmp_path):
    """With the settings of the trial, whether a run is named or the folder of the folds'."""
    own = {"unseen_fold": "2/5", "data_dir": "/my data", "output": str(tmp_path / "fold-2")}
    preset = "strangers" if pretrained else "cavi-scratch"
    config = write_run(tmp_path / "fold-2", PRESETS[preset]().with_values({**own, "epochs": 3}))
    everybody = config.with_values({"unseen_fold": None, "output": None})
    for run in (tmp_path / "fold-2", tmp_path):
        assert asked(shlex.split(evaluate._next(given(run)))) == everybody
    moved = shlex.split(evaluate._next(given(tmp_path, data_dir="/new")))
    assert asked(moved) == everybody.with_values({"data_dir": "/new"})


def test_an_export_has_the_data_and_the_thresholds_of_the_evaluation(tmp_path):
    write_run(tmp_path / "run", PRESETS["cavi"]().with_values({"data_dir": "/old", "final": True}))
    there = given(tmp_path / "run", data_dir="/new", thresholds_of="runs/a b")
    words = shlex.split(evaluate._next(there))
    flags = ["--thresholds-of", "runs/a b", "--data-dir", "/new"]
    assert words == [*MODULE, "export", str(tmp_path / "run"), *flags]
    other = given(tmp_path / "run", data_dir="/new", dataset="folder")  # of other people
    assert shlex.split(evaluate._next(other)) == words[:5]
    public = given("facenet", data_dir="/new", dataset="cavi")
    assert shlex.split(evaluate._next(public)) == [*MODULE, "export", "facenet"]


def test_the_public_weights_are_tried_on_the_demo(facenet, capsys):
    assert pretrained.main([]) == 0
    words = next_command(capsys.readouterr().out)
    assert words[:4] == [*MODULE, "evaluate"]
    found = evaluate_parser().parse_args(words[4:])
    assert (found.run, found.dataset, found.data_dir) == ("facenet", "demo", None)
