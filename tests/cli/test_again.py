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
        (PRESETS["cavi"]().with_values({"data_dir": "/d", "frozen_epochs": 40}), 24),
    ],
)
def test_more_epochs_with_the_same_settings(config, epochs):
    run = Path("runs/it's mine")
    program, *words = shlex.split(longer_command(run, config, epochs))
    assert program == "cari-train"
    parser = Parser("cari-train", "", "")
    add_config_flags(parser)
    expected = {"epochs": epochs, "pretrained": str(run), "output": f"{run}-{epochs}"}
    assert asked_config(parser.parse_args(words)) == config.with_values(expected)


def test_tensorboard_is_this_environments(tmp_path):
    words = shlex.split(tensorboard_command(tmp_path / "a b"))
    assert words[0] == sys.executable
    assert words[-1] == str(tmp_path / "a b" / "tensorboard")
    found = subprocess.run(
        [*words[:3], "--version"], capture_output=True, text=True, timeout=300, check=False
    )
    assert found.returncode == 0, found.stderr
