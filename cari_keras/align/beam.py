"""Alignment on Apache Beam: what `pool.align_files` does, on any runner that Beam has.

Raw and aligned folder lie where all workers reach them. The workers read, find, crop and encode,
each with a detector of its own; the journal takes what they found, so that manifest, records and
resuming are those of the local engine.

Imported by `engine` alone, where it is asked for: apache-beam comes with the extra `beam`.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apache_beam as beam

from cari_keras.align.aligner import Aligner, FileResult
from cari_keras.align.config import AlignConfig
from cari_keras.align.pipelines import piped
from cari_keras.images.layouts import Entry

#: Files of one pipeline.
FILES_PER_PIPELINE = 10_000


class AlignFile(beam.DoFn):
    """From a file's entry, as JSON, to what became of it, as JSON.

    Args:
        raw: The raw folder, as the workers see it.
        config: The settings.
    """

    def __init__(self, raw: str, config: AlignConfig) -> None:
        self.raw, self.config = raw, config

    def setup(self) -> None:
        """Loads MTCNN, once a worker."""
        from cari_keras.align.detector import use_one_thread

        if "tensorflow" not in sys.modules:  # else it has its threads already
            use_one_thread()
        self.aligner = Aligner(Path(self.raw), self.config)

    def process(self, entry: str) -> Iterator[str]:
        found = self.aligner(Entry(**json.loads(entry)))
        examples = [base64.b64encode(example).decode() for example in found.examples]
        yield json.dumps({"entry": entry, "rows": found.rows, "examples": examples})


def align_files(
    entries: Sequence[Entry],
    raw: Path,
    config: AlignConfig,
    workers: int,
    *,
    staging: Path,
    options: Sequence[str] = (),
) -> Iterator[tuple[Entry, FileResult]]:
    """Aligns files in pipelines, in whatever order they are done.

    Unlike the local engine, it leaves a file whose reading kills its worker to the runner, which
    tries again and then gives the pipeline up.

    Args:
        entries: The files.
        raw: The folder their paths are relative to.
        config: The settings.
        workers: See `pipelines.piped`, as for the rest.
        staging: Where results are staged.
        options: Beam's flags.

    Raises:
        AlignError: A pipeline failed, or Beam refuses an option's value.
    """
    lines = piped(
        [json.dumps(asdict(entry)) for entry in entries],
        AlignFile(str(raw.resolve()), config),
        workers=workers,
        staging=staging,
        options=options,
        most=FILES_PER_PIPELINE,
    )
    for line in lines:
        found: dict[str, Any] = json.loads(line)
        examples = [base64.b64decode(text) for text in found["examples"]]
        yield Entry(**json.loads(found["entry"])), FileResult(found["rows"], examples)
