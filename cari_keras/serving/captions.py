"""What is written below faces in the pictures of cari-verify and cari-search."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from cari_keras.images.captions import Line
from cari_keras.serving.answers import Verification


def name_lines(path: str) -> list[Line]:
    """Whose folder a picture lies in, and its file's name."""
    where = Path(path)
    return [Line(where.absolute().parent.name), Line(where.name, "faint")]


def verdict_lines(distance: float, answer: Optional[Verification]) -> list[Line]:
    """The verdict on a pair, and its distance.

    Args:
        distance: Squared.
        answer: What `verify` says of the pair; None where the network has no threshold for such a
            pair.
    """
    told = f"distance {distance:.3f}"
    if answer is None:
        return [Line("no threshold for these two", "faint"), Line(told)]
    told += f", threshold {answer.threshold:.3f}"
    kind = {True: "good", False: "bad", None: "faint"}[answer.same]
    return [Line(answer.verdict, kind), Line(told)]
