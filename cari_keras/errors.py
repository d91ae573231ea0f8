"""The exceptions a user can cause. Each carries one line that names the thing and the remedy.

Command-line programs print that line and exit with status 2; anything else is a bug and keeps its
traceback.
"""

from __future__ import annotations

import unicodedata
from typing import Any

#: As many characters of what somebody handed over are repeated in a message.
MOST_SHOWN = 240


def one_line(text: str) -> str:
    r"""Text in which what ends a line, or steers a terminal, is shown as its code.

    Names of files may hold any of it.

    Example:
        >>> print(one_line("a\nb\x1b[31m é"))
        a\nb\x1b[31m é
    """
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in ("Cc", "Zl", "Zp")
        else letter
        for letter in text
    )


def shown(value: Any) -> str:
    """What somebody handed over, for a message: text as it is, else its `repr`; never all of much.

    Example:
        >>> shown("a.jpg"), shown(3)
        ('a.jpg', '3')
        >>> shown("x" * 5000)
        'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... (5000 characters)'
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{type(value).__name__} of {memoryview(value).nbytes} bytes"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return shown(f"{value.dtype} {list(value.shape)}")
    text = value if isinstance(value, str) else repr(value)
    if len(text) <= MOST_SHOWN:
        return one_line(text)
    return f"{one_line(text[:40])}... ({len(text)} characters)"


def quoted(value: Any) -> str:
    """As `shown`, with quotation marks about text."""
    short = isinstance(value, str) and len(value) <= MOST_SHOWN
    return repr(value) if short else shown(value)


class CariError(Exception):
    """Base class of every error that the user's input can cause. Its text is one line."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class ConfigError(CariError):
    """A setting is out of range, unknown, or contradicts another."""


class DatasetError(CariError):
    """A dataset is missing, empty, or not in the layout it should have."""


class CheckpointError(CariError):
    """A run folder or checkpoint is missing, damaged, or of another network."""


class TrainingError(CariError):
    """Training cannot continue, for example because a loss is not finite."""


class PretrainedError(CariError):
    """Pretrained weights are missing, not the file they should be, or of another network."""


class AlignError(CariError):
    """Raw pictures or an aligned folder are missing, or not as they should be."""


class GalleryError(CariError):
    """A gallery is missing, of another network, too small for the question, or cannot be
    written."""


class ImageError(CariError):
    """An image cannot be read, or shows no face where one is to be aligned."""


class StoppedError(CariError):
    """Training was asked to stop, by a signal; everything is saved.

    Args:
        signal: The signal's number.
        again: How to resume, if it is known.

    Attributes:
        signal: The signal's number.
    """

    def __init__(self, signal: int, again: str = "") -> None:
        super().__init__(f"stopped; everything is saved{again and f'; continue with {again}'}")
        self.signal = signal
