"""The Dockerfile takes what there is, and .dockerignore lets it through; no Docker is needed."""

from __future__ import annotations

import re

from tests.helpers.places import ROOT


def test_what_it_copies_is_there_and_reaches_docker():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.+)$", text, re.M) for name in line.split()[:-1]]
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert {"cari_keras", "setup.cfg", "saved_models/cavi"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
    assert set(copied) == let_through


def test_its_versions_are_those_of_its_python():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (python,) = re.findall(r"^FROM python:([0-9.]+)-", text, re.M)
    (constraints,) = re.findall(r"--constraint (\S+)", text)
    assert (ROOT / constraints).read_text(encoding="utf-8").startswith(f"# Python {python}\n")
