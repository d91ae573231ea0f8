"""Processes that are killed at a moment of a test's choice."""

from pathlib import Path


class Killed(BaseException):
    """As a signal that no process survives."""


def kill_at_renaming(patch, name):
    """Whoever renames a path to one of this name is killed before it is done."""
    replace = Path.replace

    def once(path, target):
        if Path(target).name == name:
            raise Killed
        return replace(path, target)

    patch.setattr(Path, "replace", once)
