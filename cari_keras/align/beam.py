"""Alignment on Apache Beam: what `pool.align_files` does, on any runner that Beam has.

Raw and aligned folder lie where all workers reach them. Every part of the files is one pipeline:
the workers read, find, crop and encode, each with a detector of its own, and leave what they found
in a staging folder; the journal takes it from there, so that manifest, records and resuming are
those of the local engine. A run that is killed repeats the part that was under way.

Imported by `engine` alone, where it is asked for: apache-beam comes with the extra `beam`.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from cari_keras.align.aligner import Aligner, FileResult
from cari_keras.align.config import AlignConfig
from cari_keras.errors import AlignError
from cari_keras.images.layouts import Entry

#: Files of one pipeline: what a killed run repeats, at most.
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
        workers: Processes of Beam's own runner, which is taken where `options` name none.
        staging: Where results are staged; cleared before and after each pipeline.
        options: Beam's flags, `--runner=FlinkRunner` and so on.

    Raises:
        AlignError: A pipeline failed, or Beam refuses an option's value. (Options that it does not
            know it leaves to runners that may.)
    """
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    _check(options)
    for start in range(0, len(entries), FILES_PER_PIPELINE):
        part = entries[start : start + FILES_PER_PIPELINE]
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            _run(part, raw, config, staging, options or _own_runner(workers))
            yield from _staged(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _check(options: Sequence[str]) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            PipelineOptions(list(options)).get_all_options()
    except SystemExit as error:
        last = said.getvalue().strip().rpartition("\n")[2]  # none where it was asked for help
        raise AlignError(f"Beam: {last or 'the option is not for pipelines'}") from error


def _own_runner(workers: int) -> list[str]:
    """Beam's runner in Python, which needs nothing but this machine."""
    mode = "multi_processing" if workers > 1 else "in_memory"
    return [
        "--runner=FnApiRunner",
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={workers}",
        "--default_sdk_harness_log_level=ERROR",
    ]


def _run(
    entries: Sequence[Entry],
    raw: Path,
    config: AlignConfig,
    staging: Path,
    options: Sequence[str],
) -> None:
    lines = [json.dumps(asdict(entry)) for entry in entries]
    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            found = (
                pipeline
                | "Files" >> beam.Create(lines)
                | "Spread" >> beam.Reshuffle()
                | "Align" >> beam.ParDo(AlignFile(str(raw.resolve()), config))
            )
            _ = found | "Stage" >> beam.io.WriteToText(str(staging.resolve() / "part"))
    except Exception as error:  # whatever a runner raises
        # A worker's error comes as its whole traceback, the reason last.
        reason = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise AlignError(
            f"Beam's pipeline failed ({type(error).__name__}: {reason[-1] if reason else ''}); "
            "what was done before stays, and the same command goes on"
        ) from error


def _staged(staging: Path) -> Iterator[tuple[Entry, FileResult]]:
    """What the workers left, a line for each file."""
    for path in sorted(staging.glob("part*")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                found: dict[str, Any] = json.loads(line)
                examples = [base64.b64decode(text) for text in found["examples"]]
                yield Entry(**json.loads(found["entry"])), FileResult(found["rows"], examples)
