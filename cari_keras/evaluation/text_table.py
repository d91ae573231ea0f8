"""A table as people read it, wherever its cells are from."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd


class TextTable(NamedTuple):
    """A table of text; `str` prints it.

    Attributes:
        title: Above it.
        columns: Titles of its columns.
        rows: Cells.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]

    def __str__(self) -> str:
        frame = pd.DataFrame(self.rows, columns=self.columns)
        return f"{self.title}:\n\n{frame.to_string(index=False)}\n"
