"""The two levels of every program's help, and mistakes in flags."""

from __future__ import annotations

import pytest

from cari_keras import __version__
from cari_keras.__main__ import COMMANDS
from cari_keras.cli.parser import Parser
from cari_keras.presets import PRESETS
from tests.helpers.commands import last_error, run_command, run_python


def helped(name: str, *words: str) -> list[str]:
    result = run_command(name, *words)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return result.stdout.splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_level_fits_a_screen(name: str):
    """Of 40 lines and 80 columns; the second level has all of it, and more."""
    usual, everything = helped(name, "--help"), helped(name, "--help-all")
    assert len(usual) <= 40
    assert max(map(len, usual)) <= 80
    assert usual[0].startswith(f"usage: cari-{name} [options]")
    flags = {word.strip(",") for line in usual for word in line.split() if word.startswith("--")}
    assert flags <= {word.strip(",") for line in everything for word in line.split()}
    assert "--version" in "".join(everything)


def test_help_shows_the_defaults_and_the_words_of_the_preset_that_is_given():
    """Before or after; without one, those of what would be trained."""
    (epochs,) = (line for line in helped("train", "--help") if "--epochs" in line)
    assert epochs.endswith("[12]")
    for words in (("--preset", "strangers", "--help"), ("--help", "--preset=strangers")):
        lines = helped("train", *words)
        (epochs,) = (line for line in lines if "--epochs" in line)
        assert epochs.endswith("[8]")
        assert any("people whom the network has never seen" in line for line in lines)
    everything = "\n".join(helped("train", "--help-all"))
    assert all(f"\n  {name} " in everything for name in PRESETS)
    assert "--learning-rate RATE" in everything
    assert "--learning-rate" not in "\n".join(helped("train", "--help"))


def test_a_misspelt_flag_is_answered_by_the_nearest():
    told = last_error(run_command("train", "--lerning-rate", "1"))
    assert "unrecognized arguments: --lerning-rate 1; did you mean --learning-rate?" in told
    assert "did you mean" not in last_error(run_command("train", "--zzz"))


def test_the_versions_are_told():
    assert helped("verify", "--version")[0].startswith(f"cari-keras {__version__}, tensorflow ")


def test_values_that_may_be_given_once_or_often_are_in_the_usage():
    parser = Parser("program", "Does it.", "")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("images", metavar="IMAGE", nargs="+")
    assert parser.format_help().startswith("usage: program [options] RUN IMAGE [IMAGE ...]\n")


def test_the_package_runs_its_programs():
    """And says which there are."""
    result = run_python("-m", "cari_keras", "--help")
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)
    result = run_python("-m", "cari_keras", "verify", "--version")
    assert result.stdout.startswith("cari-keras")
    told = last_error(run_python("-m", "cari_keras", "trian"))
    assert "invalid choice: 'trian'" in told
