"""Small cards of HTML, which notebooks show in place of what a value prints as."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Optional


def card(title: str, lines: Sequence[str], good: Optional[bool] = None) -> str:
    """A title and lines below it as HTML, bordered by what they mean: good, bad or neither.

    Example:
        >>> card("two people", ["distance 1.700"], False).count("<div")
        2
    """
    color = {True: "#2e7d32", False: "#b3261e", None: "#777"}[good]
    style = f"border-left:4px solid {color};padding:2px 10px;display:inline-block"
    told = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
    return f'<div style="{style}"><b>{html.escape(title)}</b>{told}</div>'
