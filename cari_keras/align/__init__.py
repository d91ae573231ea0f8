"""From raw pictures to aligned faces in TFRecords.

The package can be called: `cari_keras.align(source, output)` does what cari-align does, see
`cari_keras.align.folder.align`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cari_keras.align.counts import FolderCounts


class _Callable(ModuleType):
    """The package as a function too, so that one name serves for both."""

    def __call__(self, *arguments: Any, **settings: Any) -> FolderCounts:
        """See `cari_keras.align.folder.align`."""
        from cari_keras.align.folder import align

        return align(*arguments, **settings)


sys.modules[__name__].__class__ = _Callable
