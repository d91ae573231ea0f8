"""Matplotlib, imported in this one place, and drawing by its own settings, whatever the user's are.

All other modules take it from here. Figures are made within `own_style`, off screen, without
pyplot's global state.
"""
# ruff: noqa: E402 - the first import may need another environment

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from cari_keras.errors import ConfigError
from cari_keras.files import atomic_path


@contextlib.contextmanager
def _bare_environment() -> Iterator[None]:
    """An environment without the user's choice of a backend and of settings."""
    before = {name: os.environ.pop(name, None) for name in ("MPLBACKEND", "MATPLOTLIBRC")}
    os.environ["MATPLOTLIBRC"] = os.devnull
    try:
        yield
    finally:
        del os.environ["MATPLOTLIBRC"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


try:
    import matplotlib
except (ValueError, OSError):
    # Of a backend that this Python does not have, as a notebook's; of a damaged file of settings.
    for half in [name for name in sys.modules if name.startswith("matplotlib.")]:
        del sys.modules[half]
    try:
        with _bare_environment():
            import matplotlib
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"Matplotlib cannot be loaded ({error}); correct or remove the file "
            "matplotlibrc, or name a folder that can be written in MPLCONFIGDIR"
        ) from error

from matplotlib import font_manager, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

#: It comes with Matplotlib.
FAMILY = "DejaVu Sans"


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Within it, Matplotlib has its own settings and no others; the user's are back afterwards."""
    with matplotlib.rc_context():
        style.use("default")
        matplotlib.rcParams.update({"svg.hashsalt": "cari_keras", "font.family": [FAMILY]})
        yield


def written(names: Sequence[str]) -> list[str]:
    """Names in any script as Matplotlib can write them; within `own_style`, before all else.

    Fonts of this machine stand in for letters that Matplotlib's own lacks, until the style ends.
    Letters that no font here has, control characters and bytes that are not UTF-8 are shown as
    their codes. What stands between two dollar signs would be a formula.
    """
    families = _families("".join(names))
    matplotlib.rcParams["font.family"] = families
    known = frozenset[int]().union(*map(_letters_of, families))
    return ["".join(_written(letter, known) for letter in name) for name in names]


def _written(letter: str, known: Set[int]) -> str:
    if letter == "$":
        return r"\$"
    if letter.isprintable() and ord(letter) in known:
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _families(text: str) -> list[str]:
    """Matplotlib's own font, and as many others as the text needs and the machine has."""
    found, missing = [FAMILY], set(map(ord, text)) - _letters_of(FAMILY)
    fonts = {font.name for font in font_manager.fontManager.ttflist} if missing else set()
    for name in sorted(fonts):
        has = missing & _letters_of(name)
        if has:
            found.append(name)
            missing -= has
    return found


@functools.cache
def _letters_of(family: str) -> frozenset[int]:
    """The characters of a font; none of one that cannot be drawn, as of coloured pictures."""
    try:
        font = font_manager.get_font(font_manager.findfont(family))
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()


@own_style()
def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, atomically."""
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")


@own_style()
def svg_of(figure: Figure) -> str:
    """A figure as SVG, the same each time."""
    FigureCanvasSVG(figure)
    out = io.StringIO()
    metadata: dict[str, Any] = {"Date": None}
    figure.savefig(out, format="svg", metadata=metadata)
    return out.getvalue()


__all__ = ["Axes", "Figure", "MaxNLocator", "own_style", "save", "svg_of", "written"]
