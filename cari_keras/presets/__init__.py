"""Named configurations, each with its command and what to expect of it."""

from __future__ import annotations

from collections.abc import Callable

from cari_keras.config import Config
from cari_keras.presets.compared import cavi_frozen, cavi_paper, cavi_paper_adam, cavi_short, toy
from cari_keras.presets.recipes import (
    cavi,
    cavi_facenet,
    cavi_scratch,
    demo,
    folder,
    pretrain,
    strangers,
    webcaricature,
)

#: Each dataset has the preset of its name; the others are started by `--preset`.
PRESETS: dict[str, Callable[[], Config]] = {
    "demo": demo,
    "cavi": cavi,
    "cavi-facenet": cavi_facenet,
    "cavi-scratch": cavi_scratch,
    "cavi-short": cavi_short,
    "cavi-paper": cavi_paper,
    "cavi-paper-adam": cavi_paper_adam,
    "cavi-frozen": cavi_frozen,
    "toy": toy,
    "folder": folder,
    "strangers": strangers,
    "webcaricature": webcaricature,
    "pretrain": pretrain,
}


def preset_lines() -> list[str]:
    """A line of help for each preset: its name, and the first line of what it says of itself."""
    width = max(map(len, PRESETS))
    return [
        f"  {name:<{width}} {(make.__doc__ or '').splitlines()[0].rstrip('.')}"
        for name, make in PRESETS.items()
    ]
