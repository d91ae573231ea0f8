"""MkDocs' hook: pages from outside docs/, of notebooks, and tables that dataclasses fill.

A page asks for a table by a comment of its own line, as `<!-- table: settings training -->`. On
GitHub the comment is invisible, and the page says which command prints the same.

A notebook becomes a page as it is stored, with what its cells showed; nothing runs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

from cari_keras.align.config import AlignConfig
from cari_keras.presets import PRESETS
from cari_keras.ranges import RANGES
from cari_keras.sections import SECTIONS
from cari_keras.settings import Setting, settings

ROOT = Path(__file__).resolve().parents[1]

#: File of the project -> the page that the site makes of it.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "saved_models/cavi/README.md": "model-card.md",
}

#: Links to notebooks: among themselves, and from other pages.
_NOTEBOOK = re.compile(r"(?<=\]\()(\w+)\.ipynb(?=\))")
_LINK = re.compile(r"\]\(notebooks/(\w+)\.ipynb(?=\))")

#: What nbconvert writes for pictures that cells show.
_ALT = re.compile(r"!\[(?:png|jpeg|svg)\]")

_TABLE = re.compile(r"^<!-- table: (\w+)(?: (\w+))? -->$", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that lie outside docs/, and those of notebooks."""
    for name, page in OUTSIDE.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_from_root(text)))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        for place, content in notebook_page(path).items():
            files.append(File.generated(config, place, content=content))
    return files


def notebook_page(path: Path) -> dict[str, str | bytes]:
    """A notebook as a page and the pictures on it: place in the site -> content."""
    names = {"output_files_dir": f"{path.stem}_files", "unique_key": path.stem}
    text, found = MarkdownExporter().from_filename(str(path), resources=names)
    text = _ALT.sub(f"![Shown by a cell of {path.name}]", text)
    text = _NOTEBOOK.sub(r"\1.md", text)
    for name, page in OUTSIDE.items():
        text = text.replace(f"](../../{name}", f"](../{page}")
    title, _, rest = text.partition("\n")
    told = f"[Download this notebook]({path.name}) to run it in Jupyter."
    pictures = {f"notebooks/{place}": data for place, data in found["outputs"].items()}
    return {f"notebooks/{path.stem}.md": f"{title}\n\n{told}\n{rest}", **pictures}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turns links that lead out of docs/ into links to pages, and fills the tables in."""
    for name, page in OUTSIDE.items():
        markdown = markdown.replace(f"](../{name}", f"]({page}")
    markdown = _LINK.sub(r"](notebooks/\1.md", markdown)
    return _TABLE.sub(_table, markdown)


def _from_root(text: str) -> str:
    """A page from the project's root, with its links as they are from docs/."""
    for name, page in OUTSIDE.items():
        text = text.replace(f"]({name}", f"]({page}")
    return text.replace("](docs/", "](")


def _table(found: re.Match[str]) -> str:
    kind, name = found.groups()
    if kind not in TABLES:
        raise PluginError(f"no table {kind!r}; there are {', '.join(TABLES)}")
    return TABLES[kind](name)


def settings_table(section: str) -> str:
    """Flag, default, values and meaning of every setting of a section."""
    cls = AlignConfig if section == "align" else SECTIONS[section]
    rows = [
        (f"`--{item.name.replace('_', '-')}`", _default(item), _values(item), item.help)
        for item in settings(cls)
    ]
    return _rows(("flag", "default", "values", "meaning"), rows)


def presets_table(_: str) -> str:
    """What each preset trains, in a line."""
    rows = []
    for name, make in PRESETS.items():
        config = make()
        rows.append(
            (
                f"[`{name}`](#{name})",
                config.data.dataset,
                f"{config.model.pretrained or 'random'}",
                ", ".join(config.training.tasks),
                config.data.image_size,
                config.data.batch_size,
                config.training.epochs,
            )
        )
    head = ("preset", "dataset", "starts from", "tasks", "pixels", "batch", "epochs")
    return _rows(head, rows)


def presets_text(_: str) -> str:
    """What each preset says of itself: time, memory, expectation, command."""
    first: dict[Any, str] = {}
    parts = []
    for name, make in PRESETS.items():
        same = first.setdefault(make, name)
        text = inspect.cleandoc(make.__doc__ or "") if same == name else f"See `{same}`."
        parts.append(f"### `{name}` {{ #{name} }}\n\n{text}\n")
    return "\n".join(parts)


def _default(item: Setting) -> str:
    value = item.default
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == ():
        return "none"
    return f"`{' '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _values(item: Setting) -> str:
    if item.choices:
        return ", ".join(f"`{choice}`" for choice in item.choices)
    if item.type is bool:
        flag = item.name.replace("_", "-")
        return f"`--{flag}`, `--no-{flag}`"
    if item.name not in RANGES:
        return item.metavar
    low, with_low, high, with_high = RANGES[item.name]
    above, below = "≥" if with_low else ">", "≤" if with_high else "<"
    return f"{above} {low:g}, {below} {high:g}"


def _rows(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", r"\|")


TABLES: dict[str, Callable[[str], str]] = {
    "settings": settings_table,
    "presets": presets_table,
    "about_presets": presets_text,
}
