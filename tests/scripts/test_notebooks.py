"""The notebooks: each runs as it stands and shows what is stored, and the site has it as a page."""

from __future__ import annotations

import re

import nbformat
import pytest

from tests.helpers.commands import load_script, run_script
from tests.helpers.places import ROOT

notebooks, docs_site = load_script("notebooks"), load_script("docs_site")

NAMES = sorted(path.stem for path in notebooks.FOLDER.glob("*.ipynb"))
EACH = pytest.mark.parametrize("name", NAMES)


def read(name):
    return nbformat.read(notebooks.FOLDER / f"{name}.ipynb", as_version=4)


@pytest.mark.slow
@EACH
def test_a_notebook_runs_and_shows_what_is_stored(name):
    run_script("notebooks.py", "--check", name)


def test_there_are_those_that_the_pages_name():
    assert set(NAMES) == {"compare", "your_folder", "weights", "evaluating"}
    page = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"](notebooks/{name}.ipynb)" in page
        assert f"notebooks/{name}.md" in config


@EACH
def test_what_is_stored_is_small_and_of_no_one_machine(name):
    path = notebooks.FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < 700_000
    cells = notebooks.code(read(name))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell.outputs for cell in cells)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/tmp/|/home/|/root/|/work/", text)
    assert not notebooks.noise(read(name))


@EACH
def test_links_of_a_notebook_lead_somewhere(name):
    text = "\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    for target in targets:
        assert (notebooks.FOLDER / target).exists(), target


def test_a_change_of_what_a_cell_shows_is_told():
    stored, found = (
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=outputs)])
        for outputs in (
            [nbformat.v4.new_output("execute_result", {"text/html": "a", "text/plain": "b"})],
            [nbformat.v4.new_output("stream", name="stderr", text="a warning\n")],
        )
    )
    assert not notebooks.unlike(stored, stored)
    (line,) = notebooks.unlike(stored, found)
    assert line.startswith("cell 1 shows ['stderr'], and ['text/html text/plain'] is stored")
    assert notebooks.noise(found) == ["cell 1 wrote to standard error: a warning"]


def test_logs_of_libraries_are_left_out():
    logged = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1796103945.694756    4814 port.cc:153] oneDNN custom operations are on.\n"
    )
    outputs = [
        nbformat.v4.new_output("stream", name="stderr", text=text)
        for text in (logged, f"{logged}a warning\n")
    ]
    outputs.append(nbformat.v4.new_output("display_data", {"text/plain": "kept"}))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=outputs)])
    first, last = notebooks.without_logs(notebook).cells[0].outputs
    assert first.text == "a warning\n"
    assert last.data == {"text/plain": "kept"}


@EACH
def test_a_notebook_is_a_page_of_the_site(name):
    made = docs_site.notebook_page(notebooks.FOLDER / f"{name}.ipynb")
    page = made.pop(f"notebooks/{name}.md")
    assert page.startswith("# ")
    assert f"[Download this notebook]({name}.ipynb)" in page
    links = re.findall(r"\]\(([^)\s]+\.ipynb)\)", page)
    assert links == [f"{name}.ipynb"]
    for picture in re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", page):
        assert f"notebooks/{picture}" in made
