"""What the pages for readers show: their fenced blocks, and the commands in these."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.helpers.places import ROOT

#: README, the pages of docs/ and those beside them.
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    ROOT / "saved_models" / "cavi" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: Its page, relative to the project.
        kind: Its language; empty for the shell.
        text: Its lines.
        skipped: Why no test runs it, from the comment `<!-- not run: WHY -->` above it; else empty.
    """

    page: str
    kind: str
    text: str
    skipped: str

    def commands(self) -> list[str]:
        """Commands of the shell, without remarks and loops; a loop's `$k` is 1."""
        lines = self.text.replace("\\\n", " ").splitlines()
        plain = [re.sub(r"\s+#.*", "", line).strip() for line in lines]
        return [
            line.replace("$k", "1") for line in plain if line and not re.match(r"for |done\b", line)
        ]


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page."""
    page = str(path.relative_to(ROOT))
    return [
        Block(page, found["kind"], found["text"], found["why"] or "")
        for found in _BLOCK.finditer(path.read_text(encoding="utf-8"))
    ]


def words_of(command: str) -> list[str]:
    """A command's words, without variables that are set in front of it."""
    words = shlex.split(command)
    while words and re.match(r"[A-Z_]+=", words[0]):
        del words[0]
    return words
