"""Commands that are printed do what was promised."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cari_keras.cli.again import longer_command, tensorboard_command
from cari_keras.cli.flags import add_config_flags, asked_config
from cari_keras.cli.parser import Parser
from cari_keras.presets import PRESETS
from tests.helpers.runs import small_config


@pytest.mark.parametrize(
    "config",
    [
        small_config(data_dir="/my data/faces"),
        PRESETS["cavi"]().with_values({"data_dir": "/d", "flip": False, "test_crops": (0.8, 1.0)}),
        PRESETS["demo"](),
        PRESETS["strangers"]().with_values({"data_dir": "/d", "weighting": "equal"}),
    ],
)
def test_more_epochs_with_the_same_settings(config):
    run = Path("runs/it's mine")
    program, *words = shlex.split(longer_command(run, config, 8))
    assert program == "cari-train"
    parser = Parser("cari-train", "", "")
    add_config_flags(parser)
    expected = {"epochs": 8, "pretrained": str(run), "output": f"{run}-8"}
    assert asked_config(parser.parse_args(words)) == config.with_values(expected)


def test_tensorboard_is_this_environments(tmp_path):
    words = shlex.split(tensorboard_command(tmp_path / "a b"))
    assert words[0] == sys.executable
    assert words[-1] == str(tmp_path / "a b" / "tensorboard")
    found = subprocess.run(
        [*words[:3], "--version"], capture_output=True, text=True, timeout=300, check=False
    )
    assert found.returncode == 0, found.stderr
