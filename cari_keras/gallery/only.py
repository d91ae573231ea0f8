"""Which faces of a gallery are meant, as a condition of its database."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cari_keras.files import user_path
from cari_keras.vocabulary import check_modality


class Only(NamedTuple):
    """A selection of faces: those that fit every given condition.

    Attributes:
        modality: `photo` or `caricature`.
        identities: People's names; faces without a name are then left out.
        folder: A folder that holds the pictures, at any depth, or one picture.
        unnamed: True for faces without a name, False for faces with one, None for both.
    """

    modality: Optional[str] = None
    identities: tuple[str, ...] = ()
    folder: Union[str, os.PathLike[str], None] = None
    unnamed: Optional[bool] = None

    def sql(self) -> str:
        """The condition, faces alone.

        Raises:
            ConfigError: There is no such modality, or the folder is no path.

        Example:
            >>> print(Only("photo", ("O'Neal",)).sql())
            face >= 0 AND modality = 'photo' AND identity IN ('O''Neal')
        """
        parts = ["face >= 0"]
        if self.modality is not None:
            check_modality(self.modality)
            parts.append(f"modality = {text(self.modality)}")
        if self.identities:
            parts.append(among("identity", self.identities))
        if self.folder is not None:
            parts.append(below([full_path(self.folder)]))
        if self.unnamed is not None:
            parts.append(f"identity IS {'' if self.unnamed else 'NOT '}NULL")
        return " AND ".join(parts)


#: All faces, and those of nobody known.
EVERY, UNNAMED = Only(), Only(unnamed=True)


def full_path(path: Union[str, os.PathLike[str]]) -> str:
    """The path that a gallery keeps: absolute, links as they are."""
    return os.path.abspath(user_path(path))  # noqa: PTH100 - not that of what a link leads to


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def among(column: str, values: Iterable[str]) -> str:
    """Whether a column's text is one of some."""
    return f"{column} IN ({', '.join(map(text, values))})"


def below(paths: Iterable[str]) -> str:
    """Whether a picture lies below one of some folders, or is one of them.

    Example:
        >>> below(["/a"])
        "(path = '/a' OR starts_with(path, '/a/'))"
    """
    found = []
    for path in paths:
        inner = path if path.endswith("/") else f"{path}/"
        found += [f"path = {text(path)}", f"starts_with(path, {text(inner)})"]
    return f"({' OR '.join(found)})"


def named(path: Path) -> bool:
    """Whether the database can keep a path, which has to be UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
