"""Full disks."""

from __future__ import annotations

import contextlib
import resource


@contextlib.contextmanager
def no_room(size=4096):
    """The system refuses files above a size, as it refuses any where a disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
