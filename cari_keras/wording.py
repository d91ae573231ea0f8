"""Counts and probabilities in words: one pair, two pairs; over 99 %."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: What is counted, of which the first in a phrase is what the count is of, and one of it.
_ONE = {
    **{f"{noun}s": noun for noun in ("pair", "image", "photo", "caricature", "probe", "picture")},
    **{f"{noun}s": noun for noun in ("file", "folder", "epoch", "step", "stranger", "face")},
    **{f"{noun}s": noun for noun in ("line", "fold", "seed")},
    **{"people": "person", "identities": "identity"},
}

#: Phrases in which more than one word changes.
_PHRASES = {
    "pipes, sockets or devices": "pipe, socket or device",
    "systems' own files": "system's own file",
    "systems' own folders": "system's own folder",
    "links to folders that are read elsewhere": "link to a folder that is read elsewhere",
    "broken links": "broken link",
}


def counted(count: int, what: str) -> str:
    """A count of things in words.

    Args:
        count: How many.
        what: They, in the plural, with whatever is said of them behind.

    Example:
        >>> counted(2, "genuine pairs"), counted(1, "genuine pairs"), counted(1200, "people")
        ('2 genuine pairs', '1 genuine pair', '1,200 people')
        >>> counted(1, "files that are not images, left out")
        '1 file that is not an image, left out'
    """
    return f"{count:,} {_singular(what) if count == 1 else what}"


def likely(probability: float) -> str:
    """A probability in percent, which is never said to be a certainty.

    Args:
        probability: From 0 to 1.

    Example:
        >>> likely(0.42), likely(0.9999), likely(0.0)
        ('42 %', 'over 99 %', 'under 1 %')
    """
    percent = round(100 * probability)
    if percent > 99:
        return "over 99 %"
    return "under 1 %" if percent < 1 else f"{percent} %"


def counts_behind(counts: Mapping[str, int]) -> str:
    """Counts for the end of a message, each behind a semicolon; empty where there are none.

    Example:
        >>> counts_behind({"broken links": 2, "files": 1})
        '; 2 broken links; 1 file'
    """
    return "".join(f"; {counted(count, what)}" for what, count in counts.items())


def _singular(what: str) -> str:
    for several, one in _PHRASES.items():
        if what.startswith(several):
            return one + what.removeprefix(several)
    first = re.search(rf"\b({'|'.join(_ONE)})\b", what)
    if first is None:
        return what
    rest = what[first.end() :]
    if rest.startswith(" that are not images"):
        rest = rest.replace("are not images", "is not an image", 1)
    return what[: first.start()] + _ONE[first[0]] + rest
