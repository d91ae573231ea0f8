"""Dataclass fields that are command-line flags: their help, choices and parsers."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from cari_keras.errors import ConfigError, quoted
from cari_keras.files import user_path


def setting(
    default: Any,
    help: str,
    choices: tuple[Any, ...] = (),
    *,
    path: bool = False,
    metavar: str = "",
    usual: bool = False,
) -> Any:
    """A dataclass field that is a command-line flag as well.

    Args:
        default: The field's.
        help: What the flag's help says.
        choices: The values there are; empty where any will do.
        path: Whether the value is a path, see `WithPaths`.
        metavar: What the help calls the value: `EPOCHS`, `PIXELS`; by its type where empty.
        usual: Whether most people set it: such flags are in the first level of the help.
    """
    told = {"help": help, "choices": choices, "path": path, "metavar": metavar, "usual": usual}
    return field(default=default, metadata=told)


class WithPaths:
    """A frozen dataclass of `setting` fields whose paths are `user_path`'s, wherever they are from.

    Raises:
        ConfigError: A path begins with `~`, and no home folder is known.
    """

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if item.metadata["path"] and isinstance(value, (str, os.PathLike)) and value:
                object.__setattr__(self, item.name, str(user_path(value)))


@dataclass(frozen=True)
class Setting:
    """One field as the command line sees it.

    Attributes:
        name: The field's.
        parse: From a word of the command line to a value.
        type: Of a value that is not None.
        optional: Whether the value may be None.
        many: Whether there may be several, in a tuple.
        default: The field's.
        help: One line.
        choices: The values there are; empty where any will do.
        metavar: What the help calls the value.
        usual: Whether most people set it.
    """

    name: str
    parse: Callable[[str], Any]
    type: type
    optional: bool
    many: bool
    default: Any
    help: str
    choices: tuple[Any, ...]
    metavar: str
    usual: bool

    def value_of(self, given: Any) -> Any:
        """A value as the field holds it: several in a tuple, of several choices each once.

        Numbers of NumPy become Python's.
        """
        if getattr(given, "shape", None) == () and hasattr(given, "item"):
            return given.item()
        if not self.many or not isinstance(given, (list, tuple)):
            return given
        found = [self.value_of(one) for one in given]
        if self.choices:  # numbers may well be equal
            found = [one for i, one in enumerate(found) if one not in found[:i]]
        return tuple(found)

    def check(self, value: Any) -> None:
        """Checks a value, which may come from a file.

        Raises:
            ConfigError: It is not of the field's type, or none of its choices.
        """
        if self.many != isinstance(value, tuple):
            raise ConfigError(
                f"{self.name} must be {'a list' if self.many else 'one value'}. "
                f"Received: {quoted(value)}"
            )
        for one in value if self.many else (value,):
            if one is None and self.optional:
                continue
            wanted = (int, float) if self.type is float else self.type
            if not isinstance(one, wanted) or (isinstance(one, bool) and self.type is not bool):
                raise ConfigError(
                    f"{self.name} must be of type {self.type.__name__}. Received: {quoted(one)}"
                )
            if self.choices and one not in self.choices:
                raise ConfigError(
                    f"{self.name} must be one of {', '.join(self.choices)}. Received: {quoted(one)}"
                )


def check_names(names: Iterable[str], known: Sequence[str]) -> None:
    """Raises ConfigError for the first name that is no setting, with the one that may be meant."""
    for name in names:
        if name not in known:
            meant = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            raise ConfigError(f"unknown setting {quoted(name)}{hint}")


def check_bool(name: str, value: Any) -> None:
    """Raises ConfigError for what is neither True nor False; `name` is what it was given as."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False. Received: {quoted(value)}")


#: What the help calls a value of a type.
_METAVARS = {int: "N", float: "X", str: "WORD", bool: ""}


def settings(section: Any) -> list[Setting]:
    """The fields of a section with the parser of their values."""
    hints = get_type_hints(section)
    found = []
    for item in dataclasses.fields(section):
        hint = hints[item.name]
        optional = type(None) in get_args(hint)
        inner = next((a for a in get_args(hint) if a is not type(None)), hint) if optional else hint
        many = get_origin(inner) is tuple
        parser = get_args(inner)[0] if many else inner
        found.append(
            Setting(
                item.name,
                _none_or(parser) if optional else parser,
                parser,
                optional,
                many,
                item.default,
                item.metadata["help"],
                item.metadata["choices"],
                item.metadata["metavar"] or _METAVARS[parser],
                item.metadata["usual"],
            )
        )
    return found


def _none_or(parser: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        return None if text.lower() == "none" else parser(text)

    parse.__name__ = getattr(parser, "__name__", "value")
    return parse
