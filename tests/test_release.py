"""A release's version in several places, the files of its containers, and those of CONTRIBUTING."""

from __future__ import annotations

import fnmatch
import re
from configparser import ConfigParser

import pytest
import yaml

from cari_keras import __version__
from tests.helpers.places import ROOT

DOCKERFILES = ("Dockerfile", "Dockerfile.app")


def lines_of(name):
    """A Dockerfile's instructions, each with its continuation."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]


def test_version_and_date_are_the_same_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", log, re.M)
    assert heads[:2] == [("Unreleased", ""), (__version__, str(cited["date-released"]))]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_container_copies_what_there_is_and_runs_without_rights(name):
    steps = lines_of(name)
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    copied = [word for step, words in steps if step == "COPY" for word in words.split()[:-1]]
    assert "cari_keras" in copied
    for word in copied:
        assert (ROOT / word).exists(), word
        assert any(fnmatch.fnmatch(word, pattern) for pattern in allowed), word
    users = [words for step, words in steps if step == "USER"]
    assert users
    assert users[-1] not in ("0", "root")
    extras = re.search(r"'\.\[([\w,]+)\]'", "\n".join(words for _, words in steps))
    assert extras is not None
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert set(extras[1].split(",")) <= set(setup["options.extras_require"])


def test_only_the_page_listens_on_all_addresses():
    """And only within its container; the command itself listens on this machine alone."""
    ends = {name: lines_of(name)[-1] for name in DOCKERFILES}
    assert ends["Dockerfile.app"] == ["ENTRYPOINT", '["cari-app", "--host", "0.0.0.0"]']
    assert "0.0.0.0" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_files_that_contributing_names_are_there():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    page = re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)
    named = {
        word
        for word in re.findall(r"`([^`\s]+)`", page)
        if ("/" in word or re.search(r"\.(py|cfg|toml|ya?ml|md|cff)$", word))
        and not re.search(r"NAME|=|^\.\./|^[.]venv|^dist/$|://|^/", word)
    }
    assert len(named) > 40
    for word in sorted(named):
        there = (ROOT / word).exists() or (ROOT / "cari_keras" / word).exists()
        assert there or ("/" not in word and any(ROOT.glob(f"*/**/{word}"))), word
