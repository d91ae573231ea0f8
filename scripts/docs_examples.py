"""Griffe's extension for the Python reference: examples in docstrings are shown as code.

The docstrings call the section `Example`, which Griffe takes for prose; it knows `Examples`.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class Examples(Extension):
    """Renames the section of every object that has one."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            renamed = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.M)
            obj.docstring.value = renamed
