"""The programs' flags: help in two levels, mistakes in one line with what may have been meant."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn, Optional

from cari_keras.errors import shown
from cari_keras.settings import Setting

#: How a positional argument of some `nargs` stands in the usage.
_USAGE = {"?": "[{0}]", "+": "{0} [{0} ...]", "*": "[{0} ...]"}


class Parser(argparse.ArgumentParser):
    """A program's flags.

    `--help` shows what most people set, `--help-all` every flag in its group. With `--preset NAME`
    beside them they show that preset's defaults.

    Args:
        program: Its name.
        description: What it does, in a sentence.
        examples: Shown at the end of both levels.
        more: Shown at the end of `--help-all`.

    Attributes:
        items: The settings behind flags, by name.
        hidden: Names of those that the program refuses, which its help leaves out.
        told: Called with the words on the command line where help is asked for: the description,
            or None for the program's own, and defaults of `items` in place of theirs.
    """

    def __init__(self, program: str, description: str, examples: str, more: str = "") -> None:
        super().__init__(
            prog=program,
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
        )
        self.more = more
        self.items: dict[str, Setting] = {}
        self.hidden: set[str] = set()
        self.told: Callable[[Sequence[str]], tuple[Optional[str], Mapping[str, Any]]] = (
            lambda words: (None, {})
        )
        self._rare: set[str] = set()
        self._words: list[str] = []
        everything = partial(self.format_help, everything=True)
        for flags, text, told in (
            (("-h", "--help"), self.format_help, "show this help and exit"),
            (("--help-all",), everything, "show every flag, in groups, and exit"),
            (("--version",), versions, "show the versions and exit"),
        ):
            self.add_argument(*flags, action=_Show, text=text, help=told)
        self.rare("version")

    def rare(self, *names: str) -> None:
        """Leaves flags, by the names of their values, to the second level of the help."""
        self._rare.update(names)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._words = list(args or ())
        # Places that may be left out are filled once all words are known, flags between them too.
        given, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            meant = difflib.get_close_matches(unknown[0].split("=")[0], flags, n=1)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return given

    def _print_message(self, message: str, file: Any = None) -> None:
        """Writes what there is to say; argparse itself passes over a full device in silence."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"\S{241,}", lambda found: shown(found[0]), message)
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def format_help(self, *, everything: bool = False) -> str:
        """The help; its lines are as long as the terminal, 80 characters without one."""
        description, values = self.told(self._words)
        for action in self._actions:
            item = self.items.get(action.dest)
            if item and item.name not in self.hidden:
                action.help = help_of(item, values.get(item.name, item.default))
        formatter = self._get_formatter()
        places = [a for a in self._actions if not a.option_strings]
        words = [_USAGE.get(_nargs(a), "{0}").format(a.metavar or a.dest) for a in places]
        formatter.add_usage(" ".join(["%(prog)s [options]", *words]), [], [])
        formatter.add_text(description or self.description)
        rare = set() if everything else self._rare
        groups = [(g.title, g.description, g._group_actions) for g in self._action_groups]
        if not everything:
            groups = [("options", None, [a for a in self._actions if a not in places])]
            groups.insert(0, ("arguments", None, places))
        for title, told, actions in groups:
            formatter.start_section(title)
            formatter.add_text(told)
            formatter.add_arguments([a for a in actions if a.dest not in rare])
            formatter.end_section()
        formatter.add_text(self.epilog)
        if everything:
            formatter.add_text(self.more)
        return formatter.format_help()


def _nargs(place: argparse.Action) -> str:
    """How many words an argument takes; argparse puts it aside while it looks at the flags."""
    return str(getattr(place, "save_nargs", place.nargs))


def help_of(item: Setting, value: Any) -> str:
    """The help of a setting's flag, with its default in brackets where there is one."""
    words = item.help
    if item.choices and item.many:
        words += f": {', '.join(item.choices)}"
    if value is None or value == ():
        return words
    if isinstance(value, bool):
        return f"{words} [{'yes' if value else 'no'}]"
    return f"{words} [{' '.join(map(str, value)) if item.many else value}]"


class _Show(argparse.Action):
    """Prints a text, made only then, and ends the program."""

    def __init__(
        self, option_strings: Sequence[str], dest: str, help: str, text: Callable[[], str]
    ) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)
        self.text = text

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(self.text().rstrip("\n"))
        parser.exit()


def versions() -> str:
    """The versions of the package and of what it stands on, in a line, without loading them."""
    from cari_keras import __version__

    found = [f"cari-keras {__version__}"]
    for name in ("tensorflow", "keras", "numpy"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)
