"""Aligning in one call of Python, with the settings of cari-align."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from cari_keras.align.config import AlignConfig
from cari_keras.align.counts import FolderCounts
from cari_keras.align.engine import align_folder
from cari_keras.errors import AlignError, ConfigError, quoted
from cari_keras.files import user_path
from cari_keras.records.manifest import MANIFEST
from cari_keras.settings import check_bool
from cari_keras.workers import check_can_start


def align(
    source: Union[str, os.PathLike[str]],
    output: Union[str, os.PathLike[str]],
    *,
    workers: Optional[int] = None,
    overwrite: bool = False,
    engine: str = "local",
    beam_options: Sequence[str] = (),
    progress: bool = True,
    **settings: Any,
) -> FolderCounts:
    """Finds and crops the faces of a folder as `cari-align` does, into a folder to train on.

    If an earlier call with the same `output` was interrupted, this call continues it. If that call
    was finished, this call brings the folder up to date.

    Args:
        source: The folder of raw pictures.
        output: The folder to write.
        workers: Number of processes, of 0.7 GB each; None: one for each core.
        overwrite: Discard earlier results in `output` and align every file again.
        engine: `local` for processes on this machine, or `beam` for Apache Beam.
        beam_options: Beam's flags.
        progress: Show a progress bar on standard error. Otherwise the call prints nothing.
        **settings: Any setting of `AlignConfig`. The names are those of the flags of `cari-align
            --help-all`, with `_` for `-`: `margin=0.3`, `image_size=160`.

    Returns:
        What became of the files. It prints as a line; `table()` is what cari-align prints, and
        `manifest.csv` in `output` has a row for every file.

    Raises:
        AlignError: A folder is missing, holds something else, was made with other settings, or is
            being written by another process; no file has a usable face; or Beam is missing.
        ConfigError: There is no such setting, or a value is out of range; or workers cannot start.
            They run a script's main file again, so the script needs `if __name__ == "__main__":`.

    Example:
        >>> import cari_keras
        >>> counts = cari_keras.align("raw", "aligned", margin=0.3)  # doctest: +SKIP
        >>> print(counts)  # doctest: +SKIP
        300 faces of 10 people in 302 files; 2 files rejected
    """
    check_bool("overwrite", overwrite)
    check_bool("progress", progress)
    if workers is not None and (
        not isinstance(workers, int) or isinstance(workers, bool) or workers < 1
    ):
        raise ConfigError(f"workers must be a whole number from 1. Received: {quoted(workers)}")
    raw, aligned = user_path(source), user_path(output)
    config = AlignConfig.of_values(settings)
    if engine == "local":
        check_can_start()
    counts = align_folder(
        raw,
        aligned,
        config,
        workers=workers,
        overwrite=overwrite,
        progress=progress,
        engine=engine,
        beam_options=beam_options,
    )
    check_faces(counts, raw, aligned)
    return counts


def check_faces(counts: FolderCounts, raw: Path, aligned: Path) -> None:
    """Raises AlignError if no file has a usable face, so that there is nothing to train on."""
    if not counts.identities:
        raise AlignError(
            f"{raw}: no usable face in any file; {aligned / MANIFEST} has the reason for each file"
        )
