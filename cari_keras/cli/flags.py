"""Command-line flags from the configuration's fields, and the programs' common frame."""

from __future__ import annotations

import argparse
import contextlib
import errno
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Optional

from cari_keras import asked
from cari_keras.cli.parser import Parser
from cari_keras.config import Config
from cari_keras.errors import CariError, ConfigError, shown
from cari_keras.files import user_path
from cari_keras.presets import PRESETS
from cari_keras.process import STDOUT, drop_output, own_streams
from cari_keras.sections import SECTIONS
from cari_keras.settings import settings


def add_config_flags(parser: Parser, *, hidden: Sequence[str] = ()) -> None:
    """`--preset`, and the flags of a run's configuration, whose defaults are the preset's.

    Args:
        parser: Where to add them.
        hidden: Names that the program refuses, to leave out of its help.
    """
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        metavar="NAME",
        help=f"recipe to start from: {', '.join(PRESETS)} (default: the dataset's)",
    )
    add_flags(parser, SECTIONS, hidden=hidden)
    parser.told = _preset_told


def _preset_told(words: Sequence[str]) -> tuple[Optional[str], dict[str, Any]]:
    """What a help says of the preset, or the dataset, that is named beside it."""
    asked = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in ("--preset", "--dataset"):
        asked.add_argument(flag, default="", nargs="?")
    given, _ = asked.parse_known_args(list(words))
    name = given.preset or given.dataset
    make = PRESETS.get(name or "demo")
    if make is None:
        return None, {}
    values = {key: value for part in make().to_dict().values() for key, value in part.items()}
    return inspect.cleandoc(make.__doc__ or "") if name else None, values


def add_flags(parser: Parser, sections: Mapping[str, Any], *, hidden: Sequence[str] = ()) -> None:
    """One flag per field of some dataclasses, each a group of the help; none has a default.

    The help shows in brackets what applies where nothing else says; flags of settings that few
    people set are in its second level.

    Args:
        parser: Where to add them.
        sections: Title to a dataclass of `setting` fields.
        hidden: Names to leave out of the help.
    """
    for section, cls in sections.items():
        group = parser.add_argument_group(section, (cls.__doc__ or "").split("\n")[0])
        for item in settings(cls):
            flag = "--" + item.name.replace("_", "-")
            options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
            parser.items[item.name] = item
            if item.name in hidden:
                parser.hidden.add(item.name)
            if not item.usual:
                parser.rare(item.name)
            if item.parse is bool:
                options["action"] = argparse.BooleanOptionalAction
            else:
                options["type"] = item.parse
                options["choices"] = item.choices or None
                if item.many:
                    options["nargs"] = "+"
                if item.many or not item.choices:
                    options["metavar"] = item.metavar
            group.add_argument(flag, **options)


def config_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """The configuration fields that were given as flags; of several choices, each once."""
    given = vars(arguments)
    items = (item for cls in SECTIONS.values() for item in settings(cls))
    return {item.name: item.value_of(given[item.name]) for item in items if item.name in given}


def config_flags(config: Config, only: Optional[Collection[str]] = None) -> list[str]:
    """The settings of a configuration as flags, for another of the package's programs.

    Args:
        config: The settings.
        only: Names of those that are wanted; None: of all.
    """
    flags = []
    for values in config.to_dict().values():
        for name, value in values.items():
            if only is not None and name not in only:
                continue
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                flags.append(f"--{flag}" if value else f"--no-{flag}")
            elif value != ():
                flags += [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]
    return flags


def asked_config(arguments: argparse.Namespace) -> Config:
    """The configuration of a new run by its flags; see `asked.asked_config`."""
    return asked.asked_config(arguments.preset, config_values(arguments))


def given_path(text: str) -> str:
    """The type of a flag that takes a path, or a word in its place; see `files.user_path`."""
    return str(user_path(text)) if text else text


def refuse(arguments: argparse.Namespace, names: Sequence[str], what: str) -> None:
    """Raises ConfigError for given flags that do not apply."""
    for name in names:
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} does not apply to {what}")


def run_program(
    program: str, main: Callable[[Sequence[str]], int], arguments: Sequence[str]
) -> int:
    """Runs a program; a user's mistake becomes one line on standard error and status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # This process is the program's alone.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # TensorFlow advises programmers, for example on functions that are made several times;
    # Matplotlib, on the user's settings, which are not used.
    for library in ("tensorflow", "matplotlib"):
        logging.getLogger(library).setLevel(logging.ERROR)
    with own_streams() as closed:
        if "stdout" in closed:
            print(
                f"{program}: note: standard output is closed; nothing is printed", file=sys.stderr
            )
        try:
            return _flushed(main, arguments)
        except CariError as error:
            return _ended(program, str(error))
        except BrokenPipeError:  # whoever read the output has seen enough, as `head` does
            drop_output()
            return 1
        except OSError as error:
            if error.filename is None:
                raise  # not about a path that somebody named
            if error.filename == STDOUT:
                drop_output()
            return _ended(program, _told(error))
        except UnicodeEncodeError as error:
            if not _NOT_UTF8.search(str(error.object)):
                raise
            return _ended(
                program,
                f"{shown(str(error.object))}: TensorFlow accepts only names in UTF-8; "
                "rename the file, or set PYTHONUTF8=1 where the name is UTF-8 and the "
                "locale is not",
            )
        except KeyboardInterrupt:
            print(f"{program}: interrupted", file=sys.stderr)
            return 130


def _ended(program: str, why: str) -> int:
    """Says why a program cannot go on, behind all that it has printed; returns its exit status."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    print(f"{program}: error: {why}", file=sys.stderr)
    return 2


def _flushed(main: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Runs a program; what it printed is out, or an error, when it returns."""
    try:
        status = main(arguments)
    except SystemExit:  # of --help and of flags that are not right
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return status


#: What Python makes of a name's bytes that are not UTF-8.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")

#: Errors of the system, and what can be done.
_REMEDIES = {
    errno.ENOSPC: "make room there, then run the same command",
    errno.EDQUOT: "make room there, then run the same command",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or name another place",
    errno.EEXIST: "name another place, or move what is there",
    errno.ENOTDIR: "name another place, or move what is there",
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "change its permissions, or name another place",
    errno.EPERM: "change its permissions, or name another place",
}


def _has_working_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - what it raises is what is asked
    except OSError:
        return False
    return True


def _told(error: OSError) -> str:
    """An error about a file as one line."""
    remedy = _REMEDIES.get(error.errno or 0)
    if error.errno == errno.ENOENT and not _has_working_folder():
        remedy = "the working folder was removed; change to another one"
    return f"{shown(str(error.filename))}: {error.strerror}" + (f"; {remedy}" if remedy else "")
