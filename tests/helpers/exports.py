"""Exports as files."""

from __future__ import annotations

import json


def read_card(exported, branch):
    return json.loads((exported / branch / "1" / "export.json").read_text())
