"""scripts/measured.py: every measurement is in docs/results.md, and its commands are there."""

from __future__ import annotations

import re

from tests.helpers.commands import run_python
from tests.helpers.places import ROOT

SCRIPT = ROOT / "scripts" / "measured.py"


def test_every_measurement_is_of_the_page_and_by_what_is_there():
    listed = run_python(SCRIPT, "--list")
    assert listed.returncode == 0, listed.stderr
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/results.md").read_text(), re.MULTILINE)
    for line in listed.stdout.splitlines():
        name, section = line.split(maxsplit=1)
        assert section in headings, name
    for word in re.findall(r"scripts/[\w.]+", SCRIPT.read_text()):
        assert (ROOT / word).exists(), word


def test_every_table_and_measurement_has_its_origin():
    """A commit and a date for each section that has a table, and each name in its row."""
    page = (ROOT / "docs/results.md").read_text()
    index = page.split("## Where each table is from")[1].split("\n## ")[0]
    lines = [line for line in index.splitlines() if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    for section, _, commits, dates, seeds, machine in rows:
        assert re.fullmatch(r"[0-9a-f]{7}(, [0-9a-f]{7})*", commits), section
        assert re.fullmatch(r"\d{4}-\d\d-\d\d(, \d{4}-\d\d-\d\d)*", dates), section
        assert seeds, section
        assert machine, section
    # A comma parts a section's name from which of its tables the row is of.
    told = {part for section, *_ in rows for part in (section, section.split(", ")[0])}
    for part in re.split(r"^#+ ", page, flags=re.MULTILINE)[1:]:
        heading = part.splitlines()[0]
        if "\n|" in part and heading != "Where each table is from":
            assert heading in told, heading
    named = set(re.findall(r"`([^`]+)`", " ".join(names for _, names, *_ in rows)))
    assert named == {line.split()[0] for line in run_python(SCRIPT, "--list").stdout.splitlines()}


def test_a_dry_run_prints_the_commands_and_runs_nothing(tmp_path):
    folders = ["--data", f"cavi={tmp_path}/a b", "--dry-run"]
    done = run_python(SCRIPT, "people-never-seen", *folders, cwd=tmp_path)
    first, second = done.stdout.splitlines()
    assert first.endswith(
        f"-m cari_keras train --preset strangers --no-align --final --data-dir '{tmp_path}/a b' "
        "--unseen-fold 1/5"
    )
    assert second.endswith("-m cari_keras evaluate runs/cavi-unseen-5/fold-1")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_named_is_asked_for(tmp_path):
    done = run_python(SCRIPT, "cavi-strangers", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "cavi-strangers needs a folder; name it with --data cavi=DIR\n"
