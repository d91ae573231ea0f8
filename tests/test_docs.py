"""The pages for readers: their commands, snippets, links and messages; the site made of them."""

from __future__ import annotations

import ast
import importlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cari_keras.align.config import AlignConfig
from cari_keras.cli.flags import asked_config
from cari_keras.cli.parser import Parser
from cari_keras.presets import PRESETS
from cari_keras.sections import FIELDS
from cari_keras.settings import settings
from tests.helpers.commands import run_python
from tests.helpers.docs import PAGES, blocks, words_of
from tests.helpers.places import ROOT

BY_NAME = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

#: Flags of other programs that pages name.
FOREIGN = {
    *("--strict", "--fix", "--check", "--exclude-editable"),
    # Of TensorFlow Serving.
    *("--enable_batching", "--batching_parameters_file", "--grpc_max_threads"),
    *("--rest_api_num_threads", "--model_config_file_poll_wait_seconds"),
    *("--monitoring_config_file", "--ssl_config_file"),
    # Of Docker.
    "--rm",
    # Of Beam.
    *("--runner", "--flink_master", "--environment_type", "--environment_config"),
    *("--parallelism", "--spark_master_url", "--project", "--region", "--temp_location"),
    *("--sdk_container_image", "--service_port"),
}


class _ParsedError(Exception):
    """A command's flags are understood; it would begin now."""


@BY_NAME
def test_every_command_is_understood(page, monkeypatch):
    """Each is parsed by the command's own parser, which then does nothing."""
    parse = Parser.parse_args

    def parse_alone(self, args=None, namespace=None):
        raise _ParsedError(parse(self, args, namespace))

    monkeypatch.setattr(Parser, "parse_args", parse_alone)
    for block in blocks(page):
        if block.kind or block.skipped:
            continue
        for command in block.commands():
            program, *words = words_of(command)
            name = Path(program).name
            if not name.startswith("cari-"):
                assert (ROOT / program).exists() or _of_environment(program), (
                    f"{block.page}: no test runs this, and no comment says why: {command}"
                )
                continue
            status, given = _until_parsed(name.removeprefix("cari-"), words)
            assert status == 0, f"{block.page}: {command}"
            if given is not None and name in ("cari-train", "cari-compare"):
                asked_config(given)


def _until_parsed(name, words):
    """Begins a command: its status and its flags, None for one that only shows its help."""
    module = importlib.import_module(f"cari_keras.cli.{name}")
    try:
        module._main(words)
    except SystemExit as ended:
        return ended.code, None
    except _ParsedError as parsed:
        return 0, parsed.args[0]
    raise AssertionError(f"cari-{name} parsed no flags")


def _of_environment(program):
    """Whether it is a program that the extra `test` brings."""
    return program in {f".venv/bin/{name}" for name in ("python", "ruff", "mypy", "lint-imports")}


@BY_NAME
def test_every_snippet_of_python_names_what_there_is(page):
    """Those that are not run too: they compile, and what they import is there."""
    for block in blocks(page):
        if block.kind != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cari_keras"):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{block.page}: {alias.name}"


def test_the_strategy_in_full_is_the_file():
    (block,) = (b for b in blocks(ROOT / "CONTRIBUTING.md") if b.kind == "python")
    path = ROOT / "cari_keras" / "training" / "strategies" / "equal.py"
    assert block.text == path.read_text(encoding="utf-8")


def test_every_flag_that_pages_name_is_one():
    sources = [*(ROOT / "cari_keras" / "cli").glob("*.py"), *(ROOT / "scripts").iterdir()]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.is_file())
    known = set(re.findall(r"--[a-z][a-z0-9_-]*", code)) | FOREIGN
    fields = {name for names in FIELDS.values() for name in names}
    fields |= {item.name for item in settings(AlignConfig)}
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # names what is gone, too
            continue
        for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text(encoding="utf-8")):
            name = flag[2:].replace("-", "_")
            assert flag in known or name.removeprefix("no_") in fields, f"{page.name}: {flag}"


@BY_NAME
def test_files_that_a_page_names_are_there(page):
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text(encoding="utf-8"))
    for name in named:
        there = (ROOT / name).exists() or (ROOT / "cari_keras" / name).exists()
        assert there or "NAME" in name, f"{page.name}: {name}"


@BY_NAME
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, anchor = target.partition("#")
        if re.match(r"https?:", place):
            continue
        path = (page.parent / place) if place else page
        made = path.name == "model-card.md"
        assert path.exists() or made, f"{page.name}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor in _anchors(path), f"{page.name}: {target}"


def _anchors(path):
    """What headings are linked by, as GitHub and Python-Markdown make it."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


def test_messages_of_the_troubleshooting_page_are_the_packages():
    said = set()
    for path in (ROOT / "cari_keras").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    assert len(messages) > 30
    for message in messages:
        assert any(message in text for text in said), message


class _Asked(HTMLParser):
    """What a page makes a browser fetch by itself."""

    def __init__(self):
        super().__init__()
        self.urls = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.urls.append(given.get("src") or "")
        if tag == "link" and given.get("rel") != "canonical":
            self.urls.append(given.get("href") or "")


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_no_other_server(tmp_path):
    site = tmp_path / "site"
    done = run_python("-m", "mkdocs", "build", "--strict", "-q", "-d", site, cwd=ROOT)
    assert done.returncode == 0, done.stderr

    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        asked = _Asked()
        asked.feed(page.read_text(encoding="utf-8"))
        assert asked.urls
        for url in asked.urls:
            assert not re.match(r"(https?:)?//", url), f"{page.name}: {url}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\W?(https?:)?//", style.read_text(encoding="utf-8")), style

    table = (site / "settings.html").read_text(encoding="utf-8")
    for name in (name for names in FIELDS.values() for name in names):
        assert f"<code>--{name.replace('_', '-')}</code>" in table, name
    for preset in PRESETS:
        assert f'id="{preset}"' in table, preset
    assert "load_model" in (site / "reference.html").read_text(encoding="utf-8")
